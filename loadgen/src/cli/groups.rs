//! The process groups of the servers that we started: whoever must end this process at once ends them, too.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal, kill_process_group};

/// Those that are not known to be gone.
static GROUPS: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

/// A list with a process that panicked while it had it is still a list.
fn groups() -> MutexGuard<'static, Vec<Pid>> {
    GROUPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Starts a command in a process group of its own, which is known from its first moment on.
pub(super) fn start(command: &mut Command) -> io::Result<Child> {
    let mut groups = groups();
    let child = command.process_group(0).spawn()?;
    groups.extend(Pid::from_raw(child.id() as i32));
    Ok(child)
}

/// All of that group were killed: its number may soon be another's.
pub(super) fn forget(group: Pid) {
    groups().retain(|known| *known != group);
}

/// Kills all of them. As long as the guard is held, no other is started.
pub(super) fn kill_all() -> MutexGuard<'static, Vec<Pid>> {
    let groups = groups();
    for group in groups.iter() {
        // Whoever is gone already needs none.
        let _ = kill_process_group(*group, Signal::KILL);
    }
    groups
}
