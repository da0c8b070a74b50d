//! Moving bytes: a request's body into a program, its words out of it, its complaints into the log.

use slipring_ring::{FileError, Op, OpKind, OpToken, PipeError, PipeId, Ring, Transfer};

use super::{ERRORS, HALF_END, INPUT, Input, Lane, OUTPUT, Script};
use crate::handler::Handler;
use crate::shard::{Shard, moment};

/// Bytes of one line of complaint; a longer one is cut in pieces.
const COMPLAINT_BYTES_MAX: usize = 1024;

impl Script {
    fn pipe(&self, lane: u32) -> Option<PipeId> {
        let child = self.child()?;
        Some(match lane {
            OUTPUT => child.output,
            INPUT => child.input,
            _ => child.errors,
        })
    }

    /// The lane, if it is open and nothing of it is in flight.
    fn idle_lane(&mut self, lane: u32) -> Option<&mut Lane> {
        Some(&mut self.lanes[lane as usize]).filter(|lane| lane.open && !lane.busy)
    }
}

impl<R: Ring, H: Handler> Shard<R, H> {
    /// Feeds a program what is left for it; behind the last byte its input is closed, and the spool that it came from.
    pub(super) fn feed(&mut self, id: u32) {
        let script = &mut self.scripts.all[id as usize];
        let left = script.input.len() - script.fed;
        if script.idle_lane(INPUT).is_none() {
            return;
        }
        if left == 0 {
            self.drop_input(id);
            return self.close_lane(id, INPUT);
        }
        self.poll_lane(id, INPUT);
    }

    /// Waits for what a program says on a lane; its words only when those before were taken.
    pub(super) fn listen_to(&mut self, id: u32, lane: u32) {
        let script = &mut self.scripts.all[id as usize];
        if script.idle_lane(lane).is_none() || (lane == OUTPUT && !script.output.is_empty()) {
            return;
        }
        self.poll_lane(id, lane);
    }

    /// Waits for what a program says, whatever it said before.
    pub(super) fn listen_on(&mut self, id: u32) {
        if self.scripts.all[id as usize].idle_lane(OUTPUT).is_some() {
            self.poll_lane(id, OUTPUT);
        }
    }

    /// Transfer buffers may be free for programs that found none. While there is none nobody polls: each would be ready at
    /// once and find none again.
    pub(super) fn serve_starved_lanes(&mut self) {
        for _ in 0..self.scripts.starved.len() {
            let Some(transfer) = self.ring.take_transfer() else { return };
            self.ring.return_transfer(transfer);
            let Some(token) = self.scripts.starved.pop_front() else { return };
            let Some((id, lane)) = self.scripts.find(token) else { continue };
            if lane == INPUT {
                self.feed(id);
            } else if self.scripts.all[id as usize].idle_lane(lane).is_some() {
                // Also where words wait already: they may be the half of a head.
                self.poll_lane(id, lane);
            }
        }
    }

    fn poll_lane(&mut self, id: u32, lane: u32) {
        let now = self.ring.now();
        let script = &mut self.scripts.all[id as usize];
        let Some(pipe) = script.pipe(lane) else { return };
        script.lanes[lane as usize] = Lane { open: true, busy: true, polling: true };
        if lane == OUTPUT && script.exit.is_some() {
            // It counts from here whether there is more, however long nobody asked.
            script.deadline = now.after(HALF_END);
        }
        let token = self.scripts.token(id, lane, OpKind::PollPipe);
        self.ring.submit(token, Op::PollPipe { pipe, writes: lane == INPUT });
    }

    pub(in crate::shard) fn on_pipe_ready(&mut self, token: OpToken, result: Result<(), PipeError>) {
        let Some((id, lane)) = self.landed_lane(token) else { return };
        if result.is_err() {
            return self.end_script(id);
        }
        let script = &mut self.scripts.all[id as usize];
        let Some(pipe) = script.pipe(lane) else { return };
        let Some(mut transfer) = self.ring.take_transfer() else { return self.scripts.starved.push_back(token) };
        script.lanes[lane as usize].busy = true;
        if lane != INPUT {
            let len = self.limits.ring.transfer_bytes;
            let token = self.scripts.token(id, lane, OpKind::ReadPipe);
            return self.ring.submit(token, Op::ReadPipe { pipe, len, transfer });
        }
        let len = (script.input.len() - script.fed).min(u64::from(self.limits.ring.transfer_bytes)) as u32;
        match &script.input {
            // It was let go meanwhile.
            _ if len == 0 => {
                script.lanes[lane as usize].busy = false;
                self.ring.return_transfer(transfer);
                self.feed(id);
                self.end_script(id);
            }
            Input::Memory(bytes) => {
                let rest = &bytes[script.fed as usize..][..len as usize];
                self.ring.transfer_bytes_mut(&mut transfer)[..len as usize].copy_from_slice(rest);
                let token = self.scripts.token(id, lane, OpKind::WritePipe);
                self.ring.submit(token, Op::WritePipe { pipe, transfer, start: 0, end: len });
            }
            Input::Spool(file, _) => {
                let (file, offset) = (*file, script.fed);
                let token = self.scripts.token(id, lane, OpKind::Read);
                self.ring.submit(token, Op::Read { file, offset, len, transfer });
            }
        }
    }

    /// A piece of a spooled body was read: it goes into the pipe.
    pub(in crate::shard) fn on_input_read(
        &mut self,
        token: OpToken,
        result: Result<u32, FileError>,
        transfer: Transfer,
    ) {
        let Some((id, lane)) = self.landed_lane(token) else { return self.ring.return_transfer(transfer) };
        let script = &mut self.scripts.all[id as usize];
        match (result, script.pipe(lane)) {
            (Ok(len @ 1..), Some(pipe)) if script.fed < script.input.len() => {
                script.lanes[lane as usize].busy = true;
                let token = self.scripts.token(id, lane, OpKind::WritePipe);
                self.ring.submit(token, Op::WritePipe { pipe, transfer, start: 0, end: len });
            }
            _ => {
                // The disk lost it, or nobody wants it any more: the script finds its input cut.
                self.ring.return_transfer(transfer);
                self.drop_input(id);
                self.feed(id);
                self.end_script(id);
            }
        }
    }

    /// Forgets what a program was still to be fed. A spool that is being read goes behind that.
    pub(super) fn drop_input(&mut self, id: u32) {
        let Some(script) = self.scripts.all.get_mut(id as usize) else { return };
        let reading = script.lanes[INPUT as usize];
        if let Input::Spool(file, len) = script.input {
            if reading.busy && !reading.polling {
                // Behind its read this is called again.
                script.fed = len;
                return;
            }
            let token = self.scripts.token(id, INPUT, OpKind::CloseFile);
            self.ring.submit(token, Op::CloseFile { file });
        }
        let script = &mut self.scripts.all[id as usize];
        (script.input, script.fed) = (Input::Memory(Vec::new()), 0);
    }

    pub(in crate::shard) fn on_pipe_written(
        &mut self,
        token: OpToken,
        result: Result<u32, PipeError>,
        transfer: Transfer,
    ) {
        self.ring.return_transfer(transfer);
        let Some((id, lane)) = self.landed_lane(token) else { return };
        let script = &mut self.scripts.all[id as usize];
        match result {
            Ok(len) => script.fed = (script.fed + u64::from(len)).min(script.input.len()),
            // It reads no more, and may well answer all the same.
            Err(_) => self.drop_input(id),
        }
        debug_assert_eq!(lane, INPUT);
        self.feed(id);
        self.end_script(id);
    }

    pub(in crate::shard) fn on_pipe_read(
        &mut self,
        token: OpToken,
        result: Result<u32, PipeError>,
        transfer: Transfer,
    ) {
        let Some((id, lane)) = self.landed_lane(token) else { return self.ring.return_transfer(transfer) };
        let len = result.unwrap_or(0) as usize;
        let script = &self.scripts.all[id as usize];
        // Behind its end one read holds all that it said; who outlives it may go on for ever, and nobody wants that.
        let is_last = len == 0 || (script.exit.is_some() && script.user.is_none());
        if lane == ERRORS {
            self.complain(id, &transfer, len, is_last);
        } else if self.scripts.all[id as usize].user.is_some() {
            let script = &mut self.scripts.all[id as usize];
            script.output.push(&self.ring.transfer_bytes(&transfer)[..len]);
        }
        self.ring.return_transfer(transfer);
        if is_last {
            self.close_lane(id, lane);
        } else {
            self.listen_to(id, lane);
        }
        if lane == OUTPUT {
            self.output_changed(id);
        } else {
            self.end_script(id);
        }
    }

    /// Logs what a program complained of, line by line; behind its last complaint what is left is a line too.
    fn complain(&mut self, id: u32, transfer: &Transfer, len: usize, is_last: bool) {
        let script = &mut self.scripts.all[id as usize];
        let bytes = &self.ring.transfer_bytes(transfer)[..len];
        script.complaint.extend_from_slice(bytes);
        let mut complaint = std::mem::take(&mut script.complaint);
        let peer = script.peer;
        let mut rest = &complaint[..];
        while let Some((line, behind)) = next_line(rest, is_last) {
            rest = behind;
            let at = moment(&self.core.scratch);
            self.logs.message(&mut self.ring, peer, line, at, &mut self.core.metrics);
        }
        let used = complaint.len() - rest.len();
        complaint.drain(..used);
        self.scripts.all[id as usize].complaint = complaint;
    }

    /// An operation on a pipe ended; its program and lane, if there still is one.
    fn landed_lane(&mut self, token: OpToken) -> Option<(u32, u32)> {
        let (id, lane) = self.scripts.find(token)?;
        let state = &mut self.scripts.all[id as usize].lanes[lane as usize];
        (state.busy, state.polling) = (false, false);
        Some((id, lane))
    }

    pub(super) fn close_lane(&mut self, id: u32, lane: u32) {
        let script = &mut self.scripts.all[id as usize];
        let Some(pipe) = script.pipe(lane) else { return };
        if script.idle_lane(lane).is_some() {
            script.lanes[lane as usize].open = false;
            self.ring.submit(self.scripts.token(id, lane, OpKind::ClosePipe), Op::ClosePipe { pipe });
        }
    }
}

/// The next line without its end, and what stands behind it. `last`: what has no end is a line too.
fn next_line(bytes: &[u8], last: bool) -> Option<(&[u8], &[u8])> {
    let end = bytes.iter().take(COMPLAINT_BYTES_MAX).position(|&byte| byte == b'\n');
    match end {
        Some(end) => {
            let line = &bytes[..end];
            Some((line.strip_suffix(b"\r").unwrap_or(line), &bytes[end + 1..]))
        }
        None if bytes.len() >= COMPLAINT_BYTES_MAX => Some(bytes.split_at(COMPLAINT_BYTES_MAX)),
        None if last && !bytes.is_empty() => Some((bytes, &[])),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn complaints_are_cut_into_lines() {
        assert_eq!(next_line(b"one\r\ntwo", false), Some((&b"one"[..], &b"two"[..])));
        assert_eq!(next_line(b"two", false), None);
        assert_eq!(next_line(b"two", true), Some((&b"two"[..], &b""[..])));
        assert_eq!(next_line(b"", true), None);
        let long = [b'x'; COMPLAINT_BYTES_MAX + 1];
        assert_eq!(
            next_line(&long, false).map(|(line, rest)| (line.len(), rest.len())),
            Some((COMPLAINT_BYTES_MAX, 1))
        );
    }
}
