//! Tasks: work that may block, beside the ring.

use std::io::Read;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use slipring_ring::{Op, OpKind, Outcome, Ring, RunError, Task};

use crate::rig::Rig;
use crate::world::World;

/// Many more tasks than workers: each runs once, and nothing else has to wait for them.
pub fn a_task_runs_beside_the_ring<W: World>() {
    const TASKS: u32 = 200;
    let mut rig = Rig::<W>::new();
    let ran = Arc::new(AtomicU32::new(0));
    let tokens: Vec<_> = (0..TASKS)
        .map(|number| {
            let ran = ran.clone();
            let task = Task::new(move || _ = ran.fetch_add(1, Ordering::Relaxed));
            rig.submit(OpKind::Run, number, Op::Run { task })
        })
        .collect();
    let (mut peer, socket) = rig.connected();
    rig.world.send(&mut peer, b"meanwhile");
    assert_eq!(rig.receive(1, socket, false, 9), b"meanwhile");
    for token in tokens {
        assert!(matches!(rig.outcome_of(token), Outcome::Ran(Ok(()))));
    }
    assert_eq!(ran.load(Ordering::Relaxed), TASKS);
    rig.close(socket);
    rig.finish();
}

pub fn what_a_task_did_is_seen_behind_its_end<W: World>() {
    let mut rig = Rig::<W>::new();
    let place = Arc::new(AtomicU32::new(0));
    for number in 1..100 {
        let there = place.clone();
        // Relaxed: the completion alone orders it.
        let task = Task::new(move || there.store(number, Ordering::Relaxed));
        let token = rig.submit(OpKind::Run, 1, Op::Run { task });
        assert!(matches!(rig.outcome_of(token), Outcome::Ran(Ok(()))));
        assert_eq!(place.load(Ordering::Relaxed), number);
    }
    rig.finish();
}

pub fn a_panic_ends_its_task_only<W: World>() {
    let mut rig = Rig::<W>::new();
    for number in 0..5 {
        // Without the message that a panic prints.
        let falling = Task::new(|| std::panic::resume_unwind(Box::new("a task falls")));
        let falling = rig.submit(OpKind::Run, number, Op::Run { task: falling });
        let sound = rig.submit(OpKind::Run, number + 100, Op::Run { task: Task::new(|| ()) });
        assert!(matches!(rig.outcome_of(falling), Outcome::Ran(Err(RunError::Panicked))));
        assert!(matches!(rig.outcome_of(sound), Outcome::Ran(Ok(()))));
    }
    rig.finish();
}

/// Taken back or carried out, as it comes, but one of both and once.
pub fn a_cancelled_task_ends_once<W: World>() {
    let mut rig = Rig::<W>::new();
    let ran = Arc::new(AtomicU32::new(0));
    let mut carried_out = 0;
    for number in 0..50 {
        let ran = ran.clone();
        let task = Task::new(move || _ = ran.fetch_add(1, Ordering::Relaxed));
        let token = rig.submit(OpKind::Run, number, Op::Run { task });
        let found = rig.cancel(token);
        match rig.outcome_of(token) {
            Outcome::Ran(Ok(())) => carried_out += 1,
            Outcome::Ran(Err(RunError::Cancelled)) => assert!(found),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(ran.load(Ordering::Relaxed), carried_out);
    rig.finish();
}

/// A spool is stored, shared and closed; then a task reads it, from its start, to its end.
pub fn a_task_reads_a_file_that_the_ring_closed<W: World>() {
    let mut rig = Rig::<W>::new();
    let token = rig.submit(OpKind::Spool, 1, Op::Spool);
    let Outcome::Spooled(Ok(file)) = rig.outcome_of(token) else { panic!("a spool") };
    let mut transfer = rig.ring().take_transfer().expect("a free buffer");
    rig.ring().transfer_bytes_mut(&mut transfer)[..6].copy_from_slice(b"spools");
    let token = rig.submit(OpKind::Store, 1, Op::Store { file, offset: 0, transfer, start: 0, end: 6 });
    let Outcome::Stored(Ok(6), transfer) = rig.outcome_of(token) else { panic!("a store") };
    rig.ring().return_transfer(transfer);
    let mut readers: Vec<_> = (0..2).map(|_| rig.ring().share(file).expect("a descriptor")).collect();
    let token = rig.submit(OpKind::CloseFile, 1, Op::CloseFile { file });
    assert!(matches!(rig.outcome_of(token), Outcome::Done));
    let text = Arc::new(Mutex::new(String::new()));
    let place = text.clone();
    let task = Task::new(move || {
        for reader in &mut readers {
            reader.read_to_string(&mut place.lock().expect("no panic")).expect("it can be read");
        }
    });
    let token = rig.submit(OpKind::Run, 1, Op::Run { task });
    assert!(matches!(rig.outcome_of(token), Outcome::Ran(Ok(()))));
    assert_eq!(*text.lock().expect("no panic"), "spoolsspools", "each from the start");
    rig.finish();
}
