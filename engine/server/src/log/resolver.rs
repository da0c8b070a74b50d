//! The threads that look names up, for all shards of a server.

use std::io;
use std::net::IpAddr;
use std::sync::mpsc::{self, Receiver, Sender, SyncSender};
use std::sync::{Arc, Mutex};
use std::thread;

use slipring_ring::Instant;

/// Lookups at the same time.
const LOOKUPS_MAX: usize = 4;
/// Questions that wait for one of them; further ones fail.
const QUESTIONS_MAX: usize = 1024;

/// Asks for names on threads of its own. They end when the last clone of it is gone.
#[derive(Clone, Debug)]
pub struct Resolver {
    questions: SyncSender<Question>,
}

/// Who is asked about, and who wants to know.
pub(super) struct Question {
    pub(super) address: IpAddr,
    pub(super) asked: Instant,
    pub(super) answers: Sender<Answer>,
    pub(super) wake: Arc<dyn Fn() + Send + Sync>,
}

/// What a lookup came to.
pub(super) struct Answer {
    pub(super) address: IpAddr,
    /// When the question was asked.
    pub(super) asked: Instant,
    /// The host's name and its aliases; `None`: there is no answer.
    pub(super) names: Option<Vec<String>>,
}

impl Resolver {
    /// Starts the threads. `lookup` tells a host's name and behind it its aliases; it may block.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(lookup: impl Fn(IpAddr) -> Option<Vec<String>> + Send + Sync + 'static) -> io::Result<Self> {
        let (questions, asked) = mpsc::sync_channel(QUESTIONS_MAX);
        let (asked, lookup) = (Arc::new(Mutex::new(asked)), Arc::new(lookup));
        for _ in 0..LOOKUPS_MAX {
            let (asked, lookup) = (asked.clone(), lookup.clone());
            thread::Builder::new().name("slipring-names".into()).spawn(move || answer(&asked, &*lookup))?;
        }
        Ok(Self { questions })
    }

    /// Passes a question on; `false` if there is no room for it.
    pub(super) fn ask(&self, question: Question) -> bool {
        self.questions.try_send(question).is_ok()
    }
}

/// Answers one question after another, until nobody can ask.
fn answer(asked: &Mutex<Receiver<Question>>, lookup: &impl Fn(IpAddr) -> Option<Vec<String>>) {
    // The lock is held while waiting for a question, not while it is answered.
    while let Some(question) = asked.lock().ok().and_then(|asked| asked.recv().ok()) {
        let Question { address, asked, answers, wake } = question;
        // A shard that is gone needs no answer.
        if answers.send(Answer { address, asked, names: lookup(address) }).is_ok() {
            wake();
        }
    }
}
