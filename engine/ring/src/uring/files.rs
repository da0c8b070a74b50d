//! Roots, the paths of opens in flight, measuring, and listing directories off the shard's thread.

use std::ffi::{CStr, CString};
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::PathBuf;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::thread;

use io_uring::types::OpenHow;

use super::errno;
use super::setup::SetupError;
use super::sockets::check;
use super::wake::WakeState;
use crate::FileReader;
use crate::limits::{LISTING_ENTRIES_MAX, PATH_BYTES_MAX};
use crate::op::{DirEntry, FileKind, FileStat, Listing};
use crate::outcome::FileError;
use crate::token::OpToken;

/// A document root: its configured path, and the directory that it led to.
pub(super) struct Root {
    path: PathBuf,
    directory: OwnedFd,
    identity: (u64, u64),
}

impl Root {
    pub(super) fn open(path: PathBuf) -> io::Result<Self> {
        let directory = File::open(&path)?;
        let metadata = directory.metadata()?;
        if !metadata.is_dir() {
            return Err(io::Error::from_raw_os_error(libc::ENOTDIR));
        }
        Ok(Self { path, identity: (metadata.dev(), metadata.ino()), directory: directory.into() })
    }

    pub(super) fn fd(&self) -> RawFd {
        self.directory.as_raw_fd()
    }

    /// Follows the configured path again. A path that leads nowhere now keeps the directory that it led to.
    pub(super) fn refresh(&mut self) {
        let now = std::fs::metadata(&self.path).map(|metadata| (metadata.dev(), metadata.ino()));
        if now.is_ok_and(|identity| identity != self.identity)
            && let Ok(root) = Self::open(self.path.clone())
        {
            *self = root;
        }
    }
}

/// Opens the roots of a ring.
pub(super) fn open_roots(paths: Vec<PathBuf>) -> Result<Vec<Root>, SetupError> {
    let open =
        |path: PathBuf| Root::open(path.clone()).map_err(|source| SetupError::Root { path: display(&path), source });
    paths.into_iter().map(open).collect()
}

/// How every file is opened: never outside the root, never waiting, never a controlling terminal.
pub(super) fn open_how() -> OpenHow {
    const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
    const RESOLVE_BENEATH: u64 = 0x08;
    let flags = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY | libc::O_CLOEXEC;
    OpenHow::new().flags(flags as u64).resolve(RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS)
}

/// How a spool is made: without a name, for reading and writing.
pub(super) const SPOOL_FLAGS: i32 = libc::O_TMPFILE | libc::O_RDWR | libc::O_CLOEXEC;

/// A spool in memory, where the file system of the spools makes no files without names.
pub(super) fn memory_spool() -> io::Result<OwnedFd> {
    // SAFETY: the name is NUL-terminated and lives through the call.
    let fd = check(unsafe { libc::memfd_create(c"slipring-spool".as_ptr(), libc::MFD_CLOEXEC) })?;
    // SAFETY: `fd` was made by the call above and belongs to nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(fd) })
}

/// The same file once more, for a thread that may block on it.
pub(super) fn share(fd: RawFd) -> Result<FileReader, FileError> {
    // SAFETY: fcntl reads no memory here.
    let copy = check(unsafe { libc::fcntl(fd, libc::F_DUPFD_CLOEXEC, 0) });
    let copy = copy.map_err(|error| errno::file(error.raw_os_error().unwrap_or(libc::EIO)))?;
    // SAFETY: `copy` was made by the call above and belongs to nobody else.
    let file = unsafe { File::from_raw_fd(copy) };
    Ok(FileReader::new(FromStart { file, at: 0 }))
}

/// Reads a file from its start at a position of its own: the descriptors of one opening share theirs.
struct FromStart {
    file: File,
    at: u64,
}

impl Read for FromStart {
    fn read(&mut self, place: &mut [u8]) -> io::Result<usize> {
        let len = self.file.read_at(place, self.at)?;
        self.at += len as u64;
        Ok(len)
    }
}

/// A path on its way to the kernel.
pub(super) struct OpenPath {
    bytes: [u8; PATH_BYTES_MAX],
    /// Tries left when a rename races the lookup (EAGAIN).
    pub(super) tries: u8,
    pub(super) root: u16,
}

impl OpenPath {
    /// Tries of one open against renames that race it.
    const TRIES: u8 = 8;

    pub(super) fn empty() -> Self {
        Self { bytes: [0; PATH_BYTES_MAX], tries: 0, root: 0 }
    }

    /// Copies a relative path; the empty one is the root itself. `false` if it is too long or holds a NUL.
    pub(super) fn set(&mut self, root: u16, path: &[u8]) -> bool {
        let path = if path.is_empty() { b"." } else { path };
        if path.len() >= PATH_BYTES_MAX || path.contains(&0) {
            return false;
        }
        self.bytes[..path.len()].copy_from_slice(path);
        self.bytes[path.len()] = 0;
        self.tries = Self::TRIES;
        self.root = root;
        true
    }

    pub(super) fn as_ptr(&self) -> *const libc::c_char {
        self.bytes.as_ptr().cast()
    }
}

/// What an open descriptor is now.
pub(super) fn measure(fd: RawFd) -> Result<FileStat, FileError> {
    let stat = stat_with(|place| {
        // SAFETY: `place` points at room for one `stat`, which the kernel fills.
        unsafe { libc::fstat(fd, place) }
    });
    stat.map(|stat| file_stat(&stat)).map_err(|error| errno::file(error.raw_os_error().unwrap_or(libc::EIO)))
}

fn stat_with(ask: impl FnOnce(*mut libc::stat) -> i32) -> io::Result<libc::stat> {
    // SAFETY: all zeros is a value of this plain struct.
    let mut stat: libc::stat = unsafe { std::mem::zeroed() };
    check(ask(&raw mut stat))?;
    Ok(stat)
}

fn file_stat(stat: &libc::stat) -> FileStat {
    FileStat {
        kind: kind_of(stat.st_mode),
        size: stat.st_size as u64,
        executable: stat.st_mode & 0o111 != 0,
        modified_s: stat.st_mtime,
        modified_ns: stat.st_mtime_nsec as u32,
        changed_s: stat.st_ctime,
        changed_ns: stat.st_ctime_nsec as u32,
        device: stat.st_dev,
        inode: stat.st_ino,
    }
}

fn kind_of(mode: libc::mode_t) -> FileKind {
    match mode & libc::S_IFMT {
        libc::S_IFREG => FileKind::Regular,
        libc::S_IFDIR => FileKind::Directory,
        libc::S_IFLNK => FileKind::Link,
        _ => FileKind::Other,
    }
}

/// A finished listing on its way back to the ring's thread.
pub(super) type Listed = (OpToken, Result<Box<Listing>, FileError>);

/// The thread that lists directories: a large or slow one never stops a shard. Started at the first listing.
pub(super) struct Lister {
    jobs: Sender<(OpToken, RawFd)>,
}

impl Lister {
    pub(super) fn start(done: Arc<Mutex<Vec<Listed>>>, wake: Arc<WakeState>) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel::<(OpToken, RawFd)>();
        thread::Builder::new().name("slipring-list".into()).spawn(move || {
            for (token, fd) in waiting {
                let listing = list(fd).map(Box::new).map_err(|e| errno::file(e.raw_os_error().unwrap_or(libc::EIO)));
                done.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((token, listing));
                wake.signal();
            }
        })?;
        Ok(Self { jobs })
    }

    /// `false` if the thread is gone.
    pub(super) fn submit(&self, token: OpToken, fd: RawFd) -> bool {
        self.jobs.send((token, fd)).is_ok()
    }
}

fn list(fd: RawFd) -> io::Result<Listing> {
    let stream = DirStream::open(fd)?;
    let mut listing = Listing::default();
    while let Some(name) = stream.next()? {
        if listing.entries.len() == LISTING_ENTRIES_MAX {
            listing.truncated = true;
            break;
        }
        if name != c"." && name != c".." {
            listing.entries.extend(describe(stream.fd(), name));
        }
    }
    Ok(listing)
}

/// What a name is; `None` if it is gone by now.
fn describe(directory: RawFd, name: &CStr) -> Option<DirEntry> {
    let ask = |flags| {
        stat_with(|place| {
            // SAFETY: the name is NUL-terminated and lives through the call; `place` has room for one `stat`.
            unsafe { libc::fstatat(directory, name.as_ptr(), place, flags) }
        })
    };
    let stat = ask(libc::AT_SYMLINK_NOFOLLOW).ok()?;
    let kind = kind_of(stat.st_mode);
    let link_to_directory =
        kind == FileKind::Link && ask(0).is_ok_and(|target| kind_of(target.st_mode) == FileKind::Directory);
    Some(DirEntry {
        name: name.to_bytes().to_vec(),
        kind,
        link_to_directory,
        size: stat.st_size as u64,
        modified_s: stat.st_mtime,
    })
}

/// A directory stream with a position of its own.
struct DirStream(std::ptr::NonNull<libc::DIR>);

impl DirStream {
    fn open(fd: RawFd) -> io::Result<Self> {
        let here = CString::from(c".");
        // SAFETY: the path is NUL-terminated and lives through the call.
        let own =
            check(unsafe { libc::openat(fd, here.as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC) })?;
        // SAFETY: `own` is a directory descriptor of ours; on success the stream owns it.
        let stream = unsafe { libc::fdopendir(own) };
        std::ptr::NonNull::new(stream).map(Self).ok_or_else(|| {
            let error = io::Error::last_os_error();
            // SAFETY: fdopendir failed, so `own` is still ours and is closed here, once.
            drop(unsafe { OwnedFd::from_raw_fd(own) });
            error
        })
    }

    fn fd(&self) -> RawFd {
        // SAFETY: the stream is open as long as `self`.
        unsafe { libc::dirfd(self.0.as_ptr()) }
    }

    /// The next name; good until the next call.
    fn next(&self) -> io::Result<Option<&CStr>> {
        // SAFETY: errno is this thread's own; readdir tells an end from an error only by it.
        unsafe { *libc::__errno_location() = 0 };
        // SAFETY: the stream is open as long as `self`, and used by this thread alone.
        let entry = unsafe { libc::readdir64(self.0.as_ptr()) };
        if entry.is_null() {
            let error = io::Error::last_os_error();
            return if error.raw_os_error() == Some(0) { Ok(None) } else { Err(error) };
        }
        // SAFETY: a non-null entry has a NUL-terminated name and stays until the next readdir on this stream.
        Ok(Some(unsafe { CStr::from_ptr((*entry).d_name.as_ptr()) }))
    }
}

impl Drop for DirStream {
    fn drop(&mut self) {
        // SAFETY: the stream was opened by `open` and is closed once, here.
        unsafe { libc::closedir(self.0.as_ptr()) };
    }
}

/// A path as text for an error.
fn display(path: &std::path::Path) -> String {
    String::from_utf8_lossy(path.as_os_str().as_bytes()).into_owned()
}
