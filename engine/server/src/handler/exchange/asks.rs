//! What a handler can wait for.

use slipring_ring::{FileId, Launch, RootId};

use super::{Answered, Exchange, Waits};
use std::io;

use crate::handler::{Ask, Job, JobWriter, PlannedJob, PlannedWriter, Reply};

impl Exchange<'_> {
    /// Asks for a file beneath a root; [`crate::Handler::resume`] goes on with it.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_open(&mut self, tag: u32, root: RootId, path: &[u8]) -> Reply {
        self.scratch.path.clear();
        self.scratch.path.extend_from_slice(path);
        Ok(Answered(Waits::Ask(Ask::Open { root }, tag)))
    }

    /// Asks for bytes of a file that this exchange opened.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_read(&mut self, tag: u32, file: FileId, offset: u64, len: u32) -> Reply {
        Ok(Answered(Waits::Ask(Ask::Read { file, offset, len }, tag)))
    }

    /// Asks for the names in a directory that this exchange opened.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_list(&mut self, tag: u32, file: FileId) -> Reply {
        Ok(Answered(Waits::Ask(Ask::List { file }, tag)))
    }

    /// Asks for a program, which gets the request's body as its standard input. [`crate::Handler::resume`] goes on with
    /// what it says ([`crate::Arrived::Spoke`]), as soon as it says anything; its standard error goes into the log. An
    /// exchange has one program. When the peer leaves, it is killed.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_program(&mut self, tag: u32, launch: Launch) -> Reply {
        self.scratch.launch = Some(launch);
        Ok(Answered(Waits::Ask(Ask::Program, tag)))
    }

    /// Answers as if the peer had asked for this target, by GET or HEAD. Behind what a program said.
    pub(crate) fn answer_elsewhere(&mut self, target: &[u8]) -> Answered {
        self.scratch.path.clear();
        self.scratch.path.extend_from_slice(target);
        Answered(Waits::Elsewhere)
    }

    /// Asks for more of the program's output; what it said before comes again, in front.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_output(&mut self, tag: u32) -> Reply {
        Ok(Answered(Waits::Ask(Ask::Output, tag)))
    }

    /// Asks for work that may block; it runs in the worker pool, while the shard serves others.
    /// [`crate::Handler::resume`] goes on with what `work` returned ([`crate::Arrived::output`]).
    ///
    /// The closure owns what it needs of the request, and reads the body from [`Job::rfile`]. A job cannot be stopped: when
    /// its peer leaves, it is finished for nobody. Behind `timeouts.job` of the server's rules the connection is cut.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_job<T: Send + 'static>(&mut self, tag: u32, work: impl FnOnce(&mut Job) -> T + Send + 'static) -> Reply {
        self.scratch.job = Some(PlannedJob::new(work));
        Ok(Answered(Waits::Ask(Ask::Job, tag)))
    }

    /// Asks for work that may block and writes the answer's body, piece by piece, as the peer takes it.
    /// [`crate::Handler::resume`] goes on when it writes its first bytes, flushes, or ends ([`crate::Arrived::writes`]): it
    /// begins the answer, whose head [`Self::end_headers_writer`] ends.
    ///
    /// `work` runs in the worker pool, as that of [`Self::ask_job`], and holds a worker until it returns. A write waits while
    /// the peer is slow; when the peer has gone it is an error, with which `work` is best returned from. What `work` returns
    /// ends the body, or cuts the connection, so that the peer knows. Between two writes it may take `timeouts.job` of the
    /// server's rules. An exchange has one such job.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_writer(
        &mut self,
        tag: u32,
        work: impl FnOnce(&mut Job, &mut JobWriter) -> io::Result<()> + Send + 'static,
    ) -> Reply {
        self.scratch.writer = Some(PlannedWriter::new(work));
        Ok(Answered(Waits::Ask(Ask::Writer, tag)))
    }

    /// Waits until no exchange of this shard has an ask with the tag `other` open; one must be open now. The handler
    /// sees to it that no two exchanges wait for each other.
    ///
    /// # Errors
    /// Never; a `Reply` for the end of a function.
    pub fn ask_after(&mut self, tag: u32, other: u32) -> Reply {
        Ok(Answered(Waits::Ask(Ask::After { tag: other }, tag)))
    }
}
