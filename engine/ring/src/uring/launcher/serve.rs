//! The launcher's own process.

use std::ffi::{CString, OsString};
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStringExt;
use std::os::unix::process::CommandExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Child, Command, Stdio};
use std::ptr;

use super::LauncherOptions;
use super::protocol::{
    ANSWER_BYTES, REQUEST_BYTES_MAX, Request, decode_request, encode_ended, encode_failed, encode_started,
};
use crate::launch::{Exit, Launch};
use crate::uring::sockets::check;

/// The life of the launcher; the process ends with it.
pub(super) fn run(channels: Vec<OwnedFd>, options: &LauncherOptions) -> ! {
    // Nothing may unwind into what stands above the fork: this process has no business there.
    let served = catch_unwind(AssertUnwindSafe(|| {
        leave_parent(&channels)?;
        Serving { channels: channels.into_iter().map(Some).collect(), programs: Vec::new(), options }.serve()
    }));
    let status = i32::from(!matches!(served, Ok(Ok(()))));
    // SAFETY: it ends the process at once, without running what the parent registered for its own end.
    unsafe { libc::_exit(status) }
}

/// Keeps nothing of the parent: not its session and so not its Ctrl-C, not its other signals, not its descriptors.
fn leave_parent(channels: &[OwnedFd]) -> io::Result<()> {
    // SAFETY: these touch this process's own session, signal mask and name; the set is initialised by the first call, the
    // name is NUL-terminated.
    unsafe {
        libc::setsid();
        let mut every: libc::sigset_t = std::mem::zeroed();
        libc::sigfillset(&raw mut every);
        libc::pthread_sigmask(libc::SIG_BLOCK, &raw const every, std::ptr::null_mut());
        libc::prctl(libc::PR_SET_NAME, c"slipring-launch".as_ptr());
    }
    close_all_but(channels);
    let null = std::fs::File::open("/dev/null")?;
    // SAFETY: both are descriptors of this process; standard input is replaced.
    check(unsafe { libc::dup2(null.as_raw_fd(), libc::STDIN_FILENO) }).map(drop)
}

/// Closes what was inherited, but for standard output and error and the channels. What is closed here belongs to values
/// of the parent that this process never drops: it ends by `_exit`.
fn close_all_but(channels: &[OwnedFd]) {
    let mut kept: Vec<RawFd> = channels.iter().map(AsRawFd::as_raw_fd).collect();
    kept.push(libc::STDERR_FILENO);
    kept.sort_unstable();
    for (i, fd) in kept.iter().enumerate() {
        let first = (fd + 1).cast_unsigned();
        let last = kept.get(i + 1).map_or(u32::MAX, |next| (next - 1).cast_unsigned());
        if first <= last {
            // SAFETY: no memory is passed; no descriptor of the range is used in this process.
            unsafe { libc::syscall(libc::SYS_close_range, first, last, 0) };
        }
    }
}

struct Serving<'a> {
    channels: Vec<Option<OwnedFd>>,
    programs: Vec<Program>,
    options: &'a LauncherOptions,
}

/// A program that was started and not yet reaped.
struct Program {
    channel: usize,
    id: u64,
    child: Child,
    /// Readable when it has ended.
    end: OwnedFd,
    ended: bool,
    /// Its ring wants to hear nothing more of it.
    forgotten: bool,
}

impl Serving<'_> {
    fn serve(&mut self) -> io::Result<()> {
        while self.channels.iter().any(Option::is_some) {
            let ready = self.poll()?;
            for fd in ready {
                self.look_at(fd)?;
            }
            self.programs.retain_mut(|program| !(program.ended && program.forgotten && program.reap()));
        }
        // All were killed when their rings went: whoever waits for this process finds them gone.
        self.programs.iter_mut().for_each(|program| _ = program.reap());
        Ok(())
    }

    /// Waits until a channel or a program has something to say; their descriptors.
    fn poll(&self) -> io::Result<Vec<RawFd>> {
        let channels = self.channels.iter().flatten().map(AsRawFd::as_raw_fd);
        let running = self.programs.iter().filter(|program| !program.ended).map(|program| program.end.as_raw_fd());
        let wanted = |fd| libc::pollfd { fd, events: libc::POLLIN, revents: 0 };
        let mut polled: Vec<libc::pollfd> = channels.chain(running).map(wanted).collect();
        // SAFETY: the kernel reads and writes as many entries as the vector has.
        match check(unsafe { libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, -1) }) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(Vec::new()),
            Err(error) => Err(error),
            Ok(_) => Ok(polled.iter().filter(|entry| entry.revents != 0).map(|entry| entry.fd).collect()),
        }
    }

    fn look_at(&mut self, fd: RawFd) -> io::Result<()> {
        let is_it = |channel: &Option<OwnedFd>| channel.as_ref().is_some_and(|channel| channel.as_raw_fd() == fd);
        match self.channels.iter().position(is_it) {
            Some(channel) => self.listen(channel, fd),
            None => return self.note_end(fd),
        }
        Ok(())
    }

    /// A ring says something, or is gone.
    fn listen(&mut self, channel: usize, fd: RawFd) {
        let mut message = vec![0; REQUEST_BYTES_MAX];
        // SAFETY: the kernel writes at most as many bytes as the vector has.
        let len = check(unsafe { libc::recv(fd, message.as_mut_ptr().cast(), message.len(), 0) } as i32).unwrap_or(0);
        match decode_request(&message[..len as usize]) {
            Some((id, Request::Launch(launch))) => self.launch(channel, fd, id, launch),
            Some((id, Request::Reap)) => {
                let its = self.programs.iter_mut().filter(|program| program.channel == channel && program.id == id);
                its.for_each(|program| program.forgotten = true);
            }
            None => self.abandon(channel),
        }
    }

    fn launch(&mut self, channel: usize, fd: RawFd, id: u64, launch: Launch) {
        let started = self.start(launch).and_then(|mut child| match (open_end(child.id()), take_pipes(&mut child)) {
            (Ok(end), Some(pipes)) => Ok((child, end, pipes)),
            (end, _) => {
                kill_group(child.id());
                let _ = child.wait();
                Err(end.err().unwrap_or_else(|| io::Error::from_raw_os_error(libc::EMFILE)))
            }
        });
        match started {
            Ok((child, end, pipes)) => {
                let answer = encode_started(id, child.id());
                self.programs.push(Program { channel, id, child, end, ended: false, forgotten: false });
                self.tell(channel, fd, &answer, &pipes);
            }
            Err(error) => {
                let answer = encode_failed(id, error.raw_os_error().unwrap_or(libc::EINVAL));
                self.tell(channel, fd, &answer, &[]);
            }
        }
    }

    fn start(&self, launch: Launch) -> io::Result<Child> {
        let directory = OsString::from_vec(launch.directory.clone());
        let image = Image::new(launch)?;
        let mut command = Command::new("/nowhere");
        command.current_dir(directory).process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if let Some((user, group)) = self.options.user {
            command.uid(user).gid(group);
        }
        let options = self.options.clone();
        // SAFETY: between fork and exec only plain system calls are made, on memory that was made before the fork; the
        // errors are made from errno without allocating.
        unsafe { command.pre_exec(move || restrict(&options).and_then(|()| image.execute())) };
        command.spawn()
    }

    /// Sends an answer; a ring that is gone loses its programs.
    fn tell(&mut self, channel: usize, fd: RawFd, answer: &[u8; ANSWER_BYTES], pipes: &[OwnedFd]) {
        if send_with(fd, answer, pipes).is_err() {
            self.abandon(channel);
        }
    }

    fn note_end(&mut self, fd: RawFd) -> io::Result<()> {
        let Some(program) = self.programs.iter_mut().find(|program| program.end.as_raw_fd() == fd) else {
            return Ok(());
        };
        let Some(exit) = look_at_end(fd)? else { return Ok(()) };
        program.ended = true;
        let (channel, id, forgotten) = (program.channel, program.id, program.forgotten);
        if let Some(fd) = self.channels[channel].as_ref().map(AsRawFd::as_raw_fd)
            && !forgotten
        {
            self.tell(channel, fd, &encode_ended(id, exit), &[]);
        }
        Ok(())
    }

    /// A ring is gone: its programs are killed, with everything that they started.
    fn abandon(&mut self, channel: usize) {
        self.channels[channel] = None;
        for program in self.programs.iter_mut().filter(|program| program.channel == channel) {
            kill_group(program.child.id());
            program.forgotten = true;
        }
    }
}

impl Program {
    /// Gives the process up; its numbers may stand for another from now on.
    fn reap(&mut self) -> bool {
        self.child.wait().is_ok()
    }
}

fn take_pipes(child: &mut Child) -> Option<[OwnedFd; 3]> {
    Some([child.stdin.take()?.into(), child.stdout.take()?.into(), child.stderr.take()?.into()])
}

/// What a process becomes: the strings, and the lists of pointers to them that the kernel reads.
struct Image {
    program: CString,
    arguments: Vec<*const libc::c_char>,
    environment: Vec<*const libc::c_char>,
    /// What the pointers point into.
    _strings: Vec<CString>,
}

// SAFETY: the pointers lead into heap memory of the same value, which nobody changes as long as it lives.
unsafe impl Send for Image {}
// SAFETY: as above; nothing in it is ever changed.
unsafe impl Sync for Image {}

impl Image {
    fn new(launch: Launch) -> io::Result<Self> {
        let Launch { program, arguments, environment, .. } = launch;
        let program = CString::new(program)?;
        let count = arguments.len();
        let strings = arguments.into_iter().chain(environment).map(CString::new).collect::<Result<Vec<_>, _>>()?;
        let ended = |strings: &[CString]| strings.iter().map(|string| string.as_ptr()).chain([ptr::null()]).collect();
        let (arguments, environment): (Vec<_>, Vec<_>) = (ended(&strings[..count]), ended(&strings[count..]));
        let arguments = [program.as_ptr()].into_iter().chain(arguments).collect();
        Ok(Self { program, arguments, environment, _strings: strings })
    }

    /// Returns only if it fails. What is no binary and has no `#!` line fails: no shell tries its luck with it, as it would
    /// behind `execvp`.
    fn execute(&self) -> io::Result<()> {
        // SAFETY: both lists end with a null pointer, and what they point at lives in `self`.
        unsafe { libc::execve(self.program.as_ptr(), self.arguments.as_ptr(), self.environment.as_ptr()) };
        Err(io::Error::last_os_error())
    }
}

/// What holds for every program, set in it before it is executed.
fn restrict(options: &LauncherOptions) -> io::Result<()> {
    limit(libc::RLIMIT_CORE, 0)?;
    limit(libc::RLIMIT_CPU, options.cpu_s_max)?;
    limit(libc::RLIMIT_NOFILE, options.descriptors_max)?;
    // SAFETY: the set is initialised by its first call and lives through the second. In a program no signal stays blocked or
    // ignored, whatever this process inherited.
    unsafe {
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::pthread_sigmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
    }
    // SAFETY: no memory is passed. A launcher that dies takes its programs along.
    check(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) }).map(drop)
}

/// Lowers a limit, soft and hard, never above what it is.
fn limit(what: libc::__rlimit_resource_t, max: u64) -> io::Result<()> {
    let mut limits = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel fills the one `rlimit` that it is given.
    check(unsafe { libc::getrlimit(what, &raw mut limits) })?;
    let max = max.min(limits.rlim_max);
    let limits = libc::rlimit { rlim_cur: max, rlim_max: max };
    // SAFETY: the kernel reads the one `rlimit` that it is given.
    check(unsafe { libc::setrlimit(what, &raw const limits) }).map(drop)
}

/// A descriptor that is readable when a child of ours has ended (pidfd_open(2)).
fn open_end(pid: u32) -> io::Result<OwnedFd> {
    // SAFETY: no memory is passed.
    let fd = check(unsafe { libc::syscall(libc::SYS_pidfd_open, pid, 0) } as i32)?;
    // SAFETY: `fd` was made by the call above and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// How a child ended, without reaping it; `None` if it has not.
fn look_at_end(end: RawFd) -> io::Result<Option<Exit>> {
    // SAFETY: all zeros is a value of this plain struct.
    let mut info: libc::siginfo_t = unsafe { std::mem::zeroed() };
    let how = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the kernel fills the one `siginfo_t` that it is given.
    check(unsafe { libc::waitid(libc::P_PIDFD, end.cast_unsigned(), &raw mut info, how) })?;
    // SAFETY: behind a waitid the fields of SIGCHLD are those that are filled; zeros if nothing has ended.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    Ok((pid != 0).then_some(match info.si_code {
        libc::CLD_EXITED => Exit::Status(status as u8),
        _ => Exit::Signal(status as u8),
    }))
}

/// Kills a process group whose leader was not reaped yet.
fn kill_group(pid: u32) {
    // SAFETY: no memory is passed. The group is gone already: nothing to kill.
    unsafe { libc::kill(-pid.cast_signed(), libc::SIGKILL) };
}

/// Sends one packet with descriptors beside it.
#[expect(clippy::cast_ptr_alignment, reason = "descriptors stand there unaligned and are written as such")]
fn send_with(fd: RawFd, bytes: &[u8], pipes: &[OwnedFd]) -> io::Result<()> {
    let mut vector = libc::iovec { iov_base: bytes.as_ptr().cast_mut().cast(), iov_len: bytes.len() };
    let mut control = [0u64; 8];
    // SAFETY: all zeros is a value of this plain struct.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    (message.msg_iov, message.msg_iovlen) = (&raw mut vector, 1);
    if !pipes.is_empty() {
        let data = size_of_val(pipes) as u32;
        message.msg_control = control.as_mut_ptr().cast();
        // SAFETY: these compute lengths; the control data has room for three descriptors, and is aligned as words are.
        unsafe {
            message.msg_controllen = libc::CMSG_SPACE(data) as usize;
            let header = libc::CMSG_FIRSTHDR(&raw const message);
            (*header).cmsg_level = libc::SOL_SOCKET;
            (*header).cmsg_type = libc::SCM_RIGHTS;
            (*header).cmsg_len = libc::CMSG_LEN(data) as usize;
            for (i, pipe) in pipes.iter().enumerate() {
                libc::CMSG_DATA(header).cast::<RawFd>().add(i).write_unaligned(pipe.as_raw_fd());
            }
        }
    }
    // SAFETY: the header, its vector, the bytes and the control data live through the call.
    check(unsafe { libc::sendmsg(fd, &raw const message, libc::MSG_NOSIGNAL) } as i32).map(drop)
}
