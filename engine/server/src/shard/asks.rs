//! Asks: a handler's plain data becomes operations, and their completions resume it.

use slipring_ring::{FileError, FileId, FileStat, Listing, Op, OpKind, Ring, RunError, Transfer};

use super::Shard;
use super::core::Resumed;
use super::followers::Follower;
use super::scripts::SharedOutput;
use super::table::{ASK_FILES_MAX, End, OpenAsk};
use crate::conn::Held;
use crate::handler::{Arrived, Ask, Handler, JobOutput, ProgramError, Spoke, WriterError};

/// What arrived for an ask, in memory of its own.
pub(super) enum Arrival {
    Opened(Result<(FileId, FileStat), FileError>),
    Read(Result<(Vec<u8>, FileStat), FileError>),
    Listed(Result<Box<Listing>, FileError>),
    Ran(Result<JobOutput, RunError>),
    Writes(Result<(), WriterError>),
    Over,
    Spoke(Result<SharedOutput, ProgramError>),
}

impl Arrival {
    /// Lends it to `use_it`.
    fn lend<T>(self, use_it: impl FnOnce(Arrived<'_>) -> T) -> T {
        match self {
            Arrival::Opened(result) => use_it(Arrived::Opened(result)),
            Arrival::Read(Ok((bytes, stat))) => use_it(Arrived::Read(Ok((&bytes, stat)))),
            Arrival::Read(Err(error)) => use_it(Arrived::Read(Err(error))),
            Arrival::Listed(Ok(listing)) => use_it(Arrived::Listed(Ok(&listing))),
            Arrival::Listed(Err(error)) => use_it(Arrived::Listed(Err(error))),
            Arrival::Over => use_it(Arrived::Over),
            Arrival::Ran(result) => use_it(Arrived::Ran(result)),
            Arrival::Writes(result) => use_it(Arrived::Writes(result)),
            Arrival::Spoke(Ok(output)) => {
                use_it(Arrived::Spoke(Ok(Spoke { bytes: &output.waiting(), ended: output.is_ended() })))
            }
            Arrival::Spoke(Err(error)) => use_it(Arrived::Spoke(Err(error))),
        }
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// A handler waits for something.
    pub(super) fn open_ask(&mut self, index: u32, ask: Ask, tag: u32, held: Held) {
        let Some(entry) = self.table.get(index) else { return };
        entry.ask = Some(OpenAsk {
            held,
            tag,
            files: [None; ASK_FILES_MAX],
            arrived: None,
            wants: None,
            job: None,
            listens: false,
            awaits_writer: false,
        });
        self.start_ask(index, ask);
    }

    fn start_ask(&mut self, index: u32, ask: Ask) {
        let Some(entry) = self.table.get(index) else { return };
        let generation_token = entry.token(OpKind::Open, index);
        if let Some(open) = &mut entry.ask {
            open.listens = matches!(ask, Ask::Program | Ask::Output);
            open.awaits_writer = matches!(ask, Ask::Writer);
        }
        match ask {
            Ask::Open { root } => {
                entry.in_flight += 1;
                self.ring.submit(generation_token, Op::Open { root, path: &self.core.scratch.path });
            }
            Ask::List { file } => {
                entry.in_flight += 1;
                self.ring.submit(generation_token.with_kind(OpKind::List), Op::List { file });
            }
            Ask::After { tag } => {
                let follower = Follower { index, generation: entry.generation };
                self.followers.add(tag, follower);
            }
            Ask::Read { file, offset, len } => {
                let Some(transfer) = self.ring.take_transfer() else {
                    if let Some(open) = &mut entry.ask {
                        open.wants = Some(ask);
                    }
                    return self.streams_waiting.push_back(index);
                };
                entry.in_flight += 1;
                let len = len.min(self.limits.ring.transfer_bytes);
                self.ring.submit(generation_token.with_kind(OpKind::Read), Op::Read { file, offset, len, transfer });
            }
            // The handler's mistake: there is one for each exchange, and nothing to tell its peer.
            Ask::Job | Ask::Writer if entry.writer.is_some() => self.abort(index),
            Ask::Job => self.start_job(index),
            Ask::Writer => self.start_writer(index),
            Ask::Program => self.start_program(index),
            Ask::Output => self.await_output(index),
        }
    }

    /// Hands a job to the worker pool, with the request's body.
    fn start_job(&mut self, index: u32) {
        let now = self.ring.now();
        let body = self.lend_body(index);
        let Some(entry) = self.table.get(index) else { return };
        let token = entry.token(OpKind::Run, index);
        let (Some(job), Some(open)) = (self.core.scratch.job.take(), &mut entry.ask) else { return };
        let (task, result) = job.begin(body);
        open.job = Some(result);
        entry.conn.begin_job(now, &self.core.rules);
        entry.in_flight += 1;
        self.ring.submit(token, Op::Run { task });
        self.arm_timer(index);
    }

    /// A job ended, or was never begun.
    pub(super) fn on_ran(&mut self, index: u32, result: Result<(), RunError>) {
        let now = self.ring.now();
        let Some(entry) = self.table.get(index) else { return };
        if entry.writer.as_ref().is_some_and(|writer| writer.is_running()) {
            return self.on_writer_ran(index, result);
        }
        let Some(open) = entry.ask.as_mut().filter(|_| entry.end != End::Cancelling) else {
            return self.finish_teardown(index);
        };
        let left = open.job.take().and_then(|job| job.take());
        entry.conn.handle_progress(now, &self.core.rules);
        let ran = match (result, left) {
            (Ok(()), Some((output, body))) => {
                open.held.body = body;
                Ok(output)
            }
            (Ok(()), None) => Err(RunError::Panicked),
            (Err(error), _) => Err(error),
        };
        self.resume(index, Arrival::Ran(ran));
    }

    /// A transfer buffer may be free for a read that waited; `false` if this connection waits for none.
    pub(super) fn retry_read(&mut self, index: u32) -> bool {
        let wants = self.table.get(index).and_then(|entry| entry.ask.as_mut()).and_then(|open| open.wants.take());
        match wants {
            Some(ask) => {
                self.start_ask(index, ask);
                true
            }
            None => false,
        }
    }

    pub(super) fn on_opened(&mut self, index: u32, result: Result<FileId, FileError>) {
        let Some(entry) = self.table.get(index) else { return };
        let close = entry.token(OpKind::CloseFile, index);
        let Some(open) = entry.ask.as_mut().filter(|_| entry.end != End::Cancelling) else {
            if let Ok(file) = result {
                self.ring.submit(close, Op::CloseFile { file });
            }
            return self.finish_teardown(index);
        };
        let measured = result.and_then(|file| {
            // It belongs to the exchange from here on; the oldest of too many makes room.
            open.files.rotate_right(1);
            if let Some(oldest) = open.files[0].replace(file) {
                self.ring.submit(close, Op::CloseFile { file: oldest });
            }
            self.ring.measure(file).map(|stat| (file, stat))
        });
        self.resume(index, Arrival::Opened(measured));
    }

    /// A read ended, of an ask or of a stream.
    pub(super) fn on_read(&mut self, index: u32, result: Result<u32, FileError>, transfer: Transfer) {
        let Some(entry) = self.table.get(index) else { return self.ring.return_transfer(transfer) };
        if entry.end == End::Cancelling {
            self.ring.return_transfer(transfer);
            return self.finish_teardown(index);
        }
        let Some(open) = &entry.ask else { return self.stream_read(index, result, transfer) };
        let file = open.files.iter().flatten().next().copied();
        let read = result.and_then(|len| {
            let bytes = self.ring.transfer_bytes(&transfer)[..len as usize].to_vec();
            let file = file.ok_or(FileError::Io(0))?;
            Ok((bytes, self.ring.measure(file)?))
        });
        self.ring.return_transfer(transfer);
        self.resume(index, Arrival::Read(read));
    }

    pub(super) fn on_listed(&mut self, index: u32, result: Result<Box<Listing>, FileError>) {
        let Some(entry) = self.table.get(index) else { return };
        if entry.end == End::Cancelling {
            return self.finish_teardown(index);
        }
        self.resume(index, Arrival::Listed(result));
    }

    /// Goes on with a connection's exchange; one that is being given up asks for nothing more.
    pub(super) fn resume(&mut self, index: u32, arrival: Arrival) {
        let Some(entry) = self.table.get(index).filter(|entry| entry.end != End::Cancelling) else { return };
        if entry.slot.is_none() {
            entry.slot = self.ring.take_slot();
        }
        let Some(slot) = &mut entry.slot else {
            if let Some(open) = &mut entry.ask {
                open.arrived = Some(Box::new(arrival));
            }
            return self.await_slot(index);
        };
        let Some(mut open) = entry.ask.take() else { return };
        open.arrived = None;
        let stage = &mut self.stages[slot.number()];
        let mut view = self.ring.fill(slot);
        let (asked, turns) = (open.tag, open.held.turns);
        let core = &mut self.core;
        core.scratch.connection = entry.state.take();
        let resumed = arrival.lend(|arrived| core.resume(entry.peer, &mut open.held, asked, arrived, &mut view, stage));
        entry.state = self.core.scratch.connection.take();
        if open.held.turns != turns {
            // What led elsewhere has nothing more to say here.
            self.let_script_go(index, false);
        }
        let Some(entry) = self.table.get(index) else { return };
        match resumed {
            Resumed::Waits(ask, tag) => {
                open.tag = tag;
                entry.ask = Some(open);
                self.start_ask(index, ask);
            }
            Resumed::Answered { close } => {
                if close {
                    entry.end = End::AfterSend { linger: open.held.unread || entry.backlog() > 0 };
                    self.drop_inbound(index);
                }
                self.close_ask(index, open, None);
                self.let_script_go(index, false);
                self.let_writer_go(index);
            }
            Resumed::Body(mut out) => {
                if let Some(linger) = &mut out.close {
                    *linger |= open.held.unread || entry.backlog() > 0;
                }
                self.close_ask(index, open, out.file());
                if !out.is_of_program() {
                    self.let_script_go(index, false);
                }
                if !out.is_of_writer() {
                    self.let_writer_go(index);
                }
                self.start_body(index, out);
            }
        }
        if self.table.get(index).and_then(|entry| entry.ask.as_ref()).is_none_or(|open| open.tag != asked) {
            self.followers.over(asked);
        }
        self.release_spool(index);
        self.settle(index);
    }

    /// Resumes the exchanges whose wait for another one is over.
    pub(super) fn serve_followers(&mut self) {
        while let Some(Follower { index, generation }) = self.followers.next() {
            let Some(entry) = self.table.get(index) else { continue };
            if entry.generation == generation && entry.end != End::Cancelling && entry.ask.is_some() {
                self.resume(index, Arrival::Over);
            }
        }
    }

    /// A send slot is free for what arrived meanwhile.
    pub(super) fn resume_arrived(&mut self, index: u32) {
        let arrived = self.table.get(index).and_then(|entry| entry.ask.as_mut()).and_then(|open| open.arrived.take());
        if let Some(arrival) = arrived {
            self.resume(index, *arrival);
        }
    }

    /// Ends an ask: closes its files but for the one that goes on as a body.
    pub(super) fn close_ask(&mut self, index: u32, open: OpenAsk, kept: Option<FileId>) {
        let OpenAsk { held, files, .. } = open;
        self.core.give_held(held);
        let Some(entry) = self.table.get(index) else { return };
        let token = entry.token(OpKind::CloseFile, index);
        for file in files.into_iter().flatten().filter(|file| Some(*file) != kept) {
            self.ring.submit(token, Op::CloseFile { file });
        }
    }
}
