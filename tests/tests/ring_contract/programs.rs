//! Programs, their pipes and their ends.

use std::time::Duration;

use slipring_ring::sim::Step;
use slipring_ring::{
    Child, ChildError, Exit, Launch, Op, OpKind, OpToken, Outcome, PipeError, PipeId, Ring, SpawnError,
};

use crate::receiving::pattern;
use crate::rig::Rig;
use crate::world::{LIMITS, World};

/// Longer than any case lasts.
const EVER: Duration = Duration::from_secs(1000);

fn try_spawn<W: World>(rig: &mut Rig<W>, launch: &Launch) -> Result<Child, SpawnError> {
    let token = rig.submit(OpKind::Spawn, 0, Op::Spawn { launch });
    let Outcome::Spawned(result) = rig.outcome_of(token) else { panic!("a spawn") };
    result
}

fn spawn<W: World>(rig: &mut Rig<W>, steps: Vec<Step>) -> Child {
    let launch = rig.world.put_program(steps);
    try_spawn(rig, &launch).expect("it can be started")
}

fn submit_read<W: World>(rig: &mut Rig<W>, slot: u32, pipe: PipeId) -> OpToken {
    let transfer = rig.ring().take_transfer().expect("a free transfer buffer");
    rig.submit(OpKind::ReadPipe, slot, Op::ReadPipe { pipe, len: LIMITS.transfer_bytes, transfer })
}

/// What a read of a pipe brought.
fn read<W: World>(rig: &mut Rig<W>, token: OpToken) -> Result<Vec<u8>, PipeError> {
    let Outcome::PipeRead(result, transfer) = rig.outcome_of(token) else { panic!("a read") };
    let bytes = result.map(|len| rig.ring().transfer_bytes(&transfer)[..len as usize].to_vec());
    rig.ring().return_transfer(transfer);
    bytes
}

fn read_to_end<W: World>(rig: &mut Rig<W>, pipe: PipeId) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let token = submit_read(rig, 1, pipe);
        let more = read(rig, token).expect("the pipe is whole");
        if more.is_empty() {
            return bytes;
        }
        bytes.extend(more);
    }
}

fn submit_write<W: World>(rig: &mut Rig<W>, pipe: PipeId, bytes: &[u8]) -> OpToken {
    let mut transfer = rig.ring().take_transfer().expect("a free transfer buffer");
    rig.ring().transfer_bytes_mut(&mut transfer)[..bytes.len()].copy_from_slice(bytes);
    rig.submit(OpKind::WritePipe, 2, Op::WritePipe { pipe, transfer, start: 0, end: bytes.len() as u32 })
}

fn written<W: World>(rig: &mut Rig<W>, token: OpToken) -> Result<u32, PipeError> {
    let Outcome::PipeWritten(result, transfer) = rig.outcome_of(token) else { panic!("a write") };
    rig.ring().return_transfer(transfer);
    result
}

fn write_all<W: World>(rig: &mut Rig<W>, pipe: PipeId, bytes: &[u8]) {
    let mut rest = bytes;
    while !rest.is_empty() {
        let token = submit_write(rig, pipe, &rest[..rest.len().min(LIMITS.transfer_bytes as usize)]);
        let len = written(rig, token).expect("somebody reads") as usize;
        assert!(len > 0, "a write waits for room");
        rest = &rest[len..];
    }
}

fn close<W: World>(rig: &mut Rig<W>, pipe: PipeId) {
    let token = rig.submit(OpKind::ClosePipe, 0, Op::ClosePipe { pipe });
    assert!(matches!(rig.outcome_of(token), Outcome::Done));
}

fn await_exit<W: World>(rig: &mut Rig<W>, child: &Child) -> OpToken {
    rig.submit(OpKind::AwaitExit, 0, Op::AwaitExit { child: child.id })
}

fn exited<W: World>(rig: &mut Rig<W>, token: OpToken) -> Result<Exit, ChildError> {
    let Outcome::Exited(result) = rig.outcome_of(token) else { panic!("an exit") };
    result
}

fn exit<W: World>(rig: &mut Rig<W>, child: &Child) -> Exit {
    let token = await_exit(rig, child);
    exited(rig, token).expect("the launcher lives")
}

fn reap<W: World>(rig: &mut Rig<W>, child: &Child) {
    let token = rig.submit(OpKind::Reap, 0, Op::Reap { child: child.id });
    assert!(matches!(rig.outcome_of(token), Outcome::Done));
}

fn clear_away<W: World>(mut rig: Rig<W>, child: &Child) {
    for pipe in [child.input, child.output, child.errors] {
        close(&mut rig, pipe);
    }
    reap(&mut rig, child);
    rig.finish();
}

pub fn a_program_speaks_and_ends<W: World>() {
    let mut rig = Rig::<W>::with_programs();
    let end = Step::End(Exit::Status(3));
    let child = spawn(&mut rig, vec![Step::Say(b"out\0put".to_vec()), Step::Complain(b"errors".to_vec()), end]);
    assert_eq!(read_to_end(&mut rig, child.output), b"out\0put");
    assert_eq!(read_to_end(&mut rig, child.errors), b"errors");
    assert_eq!(exit(&mut rig, &child), Exit::Status(3));
    assert_eq!(exit(&mut rig, &child), Exit::Status(3), "its end can be asked for again");
    clear_away(rig, &child);
}

pub fn a_program_gets_its_arguments_and_environment_alone<W: World>() {
    let mut rig = Rig::<W>::with_programs();
    let launch = Launch {
        arguments: vec![b"one".to_vec(), b"".to_vec(), b"two words".to_vec()],
        environment: vec![b"NAME=value=more".to_vec(), b"PATH=/usr/bin:/bin".to_vec()],
        ..rig.world.put_program(vec![Step::Tell])
    };
    let child = try_spawn(&mut rig, &launch).expect("it can be started");
    let told = read_to_end(&mut rig, child.output);
    let mut lines: Vec<&[u8]> = told.split(|&byte| byte == b'\n').collect();
    assert_eq!(lines.pop(), Some(&b""[..]));
    lines[3..].sort_unstable();
    let expected: [&[u8]; 5] = [b"one", b"", b"two words", b"NAME=value=more", b"PATH=/usr/bin:/bin"];
    assert_eq!(lines, expected);
    clear_away(rig, &child);
}

/// More than a pipe holds goes in, and comes out again as it was.
pub fn bytes_pass_through_pipes_in_order<W: World>() {
    let mut rig = Rig::<W>::with_programs();
    let child = spawn(&mut rig, vec![Step::Take(100_000), Step::Count, Step::Echo]);
    let sent = pattern(150_000);
    write_all(&mut rig, child.input, &sent);
    close(&mut rig, child.input);
    let came = read_to_end(&mut rig, child.output);
    assert!(came == [b"100000", &sent[100_000..]].concat(), "{} bytes", came.len());
    assert_eq!(exit(&mut rig, &child), Exit::Status(0));
    close(&mut rig, child.output);
    close(&mut rig, child.errors);
    reap(&mut rig, &child);
    rig.finish();
}

/// Nobody reads: what fits is written, then a write waits; it breaks when the program is killed.
pub fn a_write_waits_for_room_and_breaks_with_its_reader<W: World>() {
    let mut rig = Rig::<W>::with_programs();
    let child = spawn(&mut rig, vec![Step::Sleep(EVER)]);
    write_all(&mut rig, child.input, &vec![7; 64 * 1024]);
    let write = submit_write(&mut rig, child.input, b"one more");
    let end = await_exit(&mut rig, &child);
    rig.assert_silent();
    rig.ring().kill(child.id);
    assert_eq!(written(&mut rig, write), Err(PipeError::Closed));
    assert_eq!(exited(&mut rig, end), Ok(Exit::Signal(9)));
    assert_eq!(read_to_end(&mut rig, child.output), b"");
    clear_away(rig, &child);
}

pub fn a_read_waits_for_bytes<W: World>() {
    let mut rig = Rig::<W>::with_programs();
    let child = spawn(&mut rig, vec![Step::Take(1), Step::Say(b"late".to_vec())]);
    let poll = rig.submit(OpKind::PollPipe, 4, Op::PollPipe { pipe: child.input, writes: true });
    assert!(matches!(rig.outcome_of(poll), Outcome::PipeReady(Ok(()))), "an empty pipe has room");
    let poll = rig.submit(OpKind::PollPipe, 4, Op::PollPipe { pipe: child.output, writes: false });
    rig.assert_silent();
    assert!(rig.cancel(poll));
    assert!(matches!(rig.outcome_of(poll), Outcome::PipeReady(Err(PipeError::Cancelled))));
    let poll = rig.submit(OpKind::PollPipe, 4, Op::PollPipe { pipe: child.output, writes: false });
    rig.assert_silent();
    write_all(&mut rig, child.input, b"x");
    assert!(matches!(rig.outcome_of(poll), Outcome::PipeReady(Ok(()))));
    let token = submit_read(&mut rig, 1, child.output);
    assert_eq!(read(&mut rig, token), Ok(b"late".to_vec()));
    let poll = rig.submit(OpKind::PollPipe, 4, Op::PollPipe { pipe: child.output, writes: false });
    assert!(matches!(rig.outcome_of(poll), Outcome::PipeReady(Ok(()))), "an end is worth a look");
    clear_away(rig, &child);
}

/// What a program left behind holds its pipes open; killing the program's group ends that too.
pub fn a_killed_group_lets_the_pipes_go<W: World>() {
    let mut rig = Rig::<W>::with_programs();
    let child = spawn(&mut rig, vec![Step::Say(b"said".to_vec()), Step::Orphan]);
    assert_eq!(exit(&mut rig, &child), Exit::Status(0));
    let token = submit_read(&mut rig, 1, child.output);
    assert_eq!(read(&mut rig, token), Ok(b"said".to_vec()));
    let token = submit_read(&mut rig, 1, child.output);
    rig.assert_silent();
    rig.ring().kill(child.id);
    assert_eq!(read(&mut rig, token), Ok(Vec::new()));
    clear_away(rig, &child);
}

pub fn waiting_for_a_program_can_be_cancelled<W: World>() {
    let mut rig = Rig::<W>::with_programs();
    let child = spawn(&mut rig, vec![Step::Sleep(EVER)]);
    let end = await_exit(&mut rig, &child);
    let token = submit_read(&mut rig, 1, child.output);
    rig.assert_silent();
    assert!(rig.cancel(end) && rig.cancel(token));
    assert_eq!(exited(&mut rig, end), Err(ChildError::Cancelled));
    assert_eq!(read(&mut rig, token), Err(PipeError::Cancelled));
    assert!(!rig.cancel(end));
    rig.ring().kill(child.id);
    assert_eq!(exit(&mut rig, &child), Exit::Signal(9));
    clear_away(rig, &child);
}

pub fn what_is_not_there_is_not_started<W: World>() {
    let mut rig = Rig::<W>::with_programs();
    let launch = rig.world.put_program(Vec::new());
    let missing = Launch { program: b"/no/such/program".to_vec(), ..launch };
    assert_eq!(try_spawn(&mut rig, &missing), Err(SpawnError::NotFound));
    rig.finish();
}

/// A program may be forgotten before it ends.
pub fn a_program_is_forgotten_while_it_runs<W: World>() {
    let mut rig = Rig::<W>::with_programs();
    let child = spawn(&mut rig, vec![Step::Take(1), Step::Say(b"still here".to_vec())]);
    reap(&mut rig, &child);
    write_all(&mut rig, child.input, b"x");
    assert_eq!(read_to_end(&mut rig, child.output), b"still here");
    for pipe in [child.input, child.output, child.errors] {
        close(&mut rig, pipe);
    }
    rig.finish();
}

pub fn a_spool_keeps_what_is_stored<W: World>() {
    let mut rig = Rig::<W>::new();
    let token = rig.submit(OpKind::Spool, 0, Op::Spool);
    let Outcome::Spooled(Ok(file)) = rig.outcome_of(token) else { panic!("a spool") };
    let stored = pattern(1000);
    for (offset, at) in [(70_000_u64, 500_u32), (0, 0)] {
        let mut transfer = rig.ring().take_transfer().expect("a free transfer buffer");
        rig.ring().transfer_bytes_mut(&mut transfer)[..1000].copy_from_slice(&stored);
        let mut start = at;
        while start < 1000 {
            let offset = offset + u64::from(start - at);
            let token = rig.submit(OpKind::Store, 0, Op::Store { file, offset, transfer, start, end: 1000 });
            let Outcome::Stored(result, back) = rig.outcome_of(token) else { panic!("a store") };
            transfer = back;
            start += result.expect("the disk has room");
        }
        rig.ring().return_transfer(transfer);
    }
    assert_eq!(rig.ring().measure(file).expect("it is open").size, 70_500);
    assert!(crate::files::read_to_end(&mut rig, file, 0) == [&stored[..], &vec![0; 69_000], &stored[500..]].concat());
    crate::files::close(&mut rig, file);
    rig.finish();
}
