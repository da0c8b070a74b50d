//! Names of peers in place of their addresses (rows S47, S48): what a shard knows of them.
//!
//! A lookup takes as long as somebody else's name server likes. So it begins when a connection is accepted, on a thread of
//! the [`Resolver`], and nothing waits for it: until its answer is there, and where it fails, lines show the address.

use std::collections::HashMap;
use std::fmt;
use std::mem;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

use slipring_ring::{Instant, Peer};

use super::resolver::{Answer, Question, Resolver};

/// Addresses that a shard keeps a name, or the want of one, of.
pub const NAMES_MAX: usize = 4096;
/// How long a lookup may take; the answer of one that takes longer does not count.
pub const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a name is used for new connections.
pub const NAME_KEPT: Duration = Duration::from_mins(10);
/// How long an address whose lookup failed is not asked about again.
pub const FAILURE_KEPT: Duration = Duration::from_mins(1);

/// The names of one shard's peers.
///
/// Two generations: what is new or in use is young. When the young are half of what may be kept, they become the old ones,
/// and those that were old are forgotten.
pub struct Names {
    young: HashMap<IpAddr, Entry>,
    old: HashMap<IpAddr, Entry>,
    max: usize,
    resolver: Resolver,
    answers: (Sender<Answer>, Receiver<Answer>),
    wake: Arc<dyn Fn() + Send + Sync>,
}

struct Entry {
    /// When it was asked about: an answer to an earlier question does not count.
    asked: Instant,
    /// Until when it is not asked about again.
    until: Instant,
    name: Option<Box<str>>,
}

impl Names {
    /// Knows no name yet. `wake` is called on another thread when an answer can be [gathered](Self::gather).
    pub fn new(resolver: Resolver, wake: impl Fn() + Send + Sync + 'static) -> Self {
        Self {
            young: HashMap::new(),
            old: HashMap::new(),
            max: NAMES_MAX,
            resolver,
            answers: mpsc::channel(),
            wake: Arc::new(wake),
        }
    }

    /// Somebody connected: the lookup begins, unless its answer is known or on its way.
    pub fn greet(&mut self, peer: Peer, now: Instant) {
        let Some(address) = address_of(peer) else { return };
        if self.young.get(&address).is_some_and(|entry| now < entry.until) {
            return;
        }
        let known = self.old.remove(&address).filter(|entry| now < entry.until);
        let entry = known.unwrap_or_else(|| self.ask(address, now));
        self.keep(address, entry);
    }

    /// Takes in what was answered meanwhile.
    pub fn gather(&mut self, now: Instant) {
        while let Ok(Answer { address, asked, names }) = self.answers.1.try_recv() {
            let entry = self.young.get_mut(&address).or_else(|| self.old.get_mut(&address));
            let Some(entry) = entry.filter(|entry| entry.asked == asked) else { continue };
            if now.since(asked) <= LOOKUP_TIMEOUT {
                entry.name = names.as_deref().and_then(choose).map(Into::into);
                entry.until = now.plus(if entry.name.is_some() { NAME_KEPT } else { FAILURE_KEPT });
            }
        }
    }

    /// The name of a peer, if it is known.
    pub fn of(&self, peer: Peer) -> Option<&str> {
        let address = address_of(peer)?;
        self.young.get(&address).or_else(|| self.old.get(&address))?.name.as_deref()
    }

    fn ask(&self, address: IpAddr, now: Instant) -> Entry {
        let question = Question { address, asked: now, answers: self.answers.0.clone(), wake: self.wake.clone() };
        // It counts as failed until its answer is there; so does one that the resolver has no room for.
        let patience = if self.resolver.ask(question) { LOOKUP_TIMEOUT } else { Duration::ZERO };
        Entry { asked: now, until: now.plus(patience + FAILURE_KEPT), name: None }
    }

    fn keep(&mut self, address: IpAddr, entry: Entry) {
        if self.young.len() >= self.max / 2 && !self.young.contains_key(&address) {
            self.old = mem::take(&mut self.young);
        }
        self.young.insert(address, entry);
    }
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Names").field("kept", &(self.young.len() + self.old.len())).finish_non_exhaustive()
    }
}

fn address_of(peer: Peer) -> Option<IpAddr> {
    match peer {
        Peer::Ip(address) => Some(address.ip().to_canonical()),
        Peer::Unix | Peer::Unknown => None,
    }
}

/// Row S48: the first name with a dot in it, else the first. Whoever runs the reverse zone of an address chooses its names,
/// so what could break a line or pass for another address is none.
fn choose(names: &[String]) -> Option<&str> {
    let mut fit = names.iter().map(String::as_str).filter(|name| is_fit(name));
    let first = fit.next()?;
    if first.contains('.') { Some(first) } else { fit.find(|name| name.contains('.')).or(Some(first)) }
}

fn is_fit(name: &str) -> bool {
    /// A name in DNS has at most so many bytes (RFC 1035 section 2.3.4).
    const NAME_BYTES_MAX: usize = 255;
    let known = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    // A last label of digits could be an address's (RFC 1123 section 2.1): 127.0.0.1, 0x7f.1, 2130706433.
    let last = name.trim_end_matches('.').rsplit('.').next().unwrap_or_default();
    (1..=NAME_BYTES_MAX).contains(&name.len())
        && name.bytes().all(known)
        && !last.bytes().all(|byte| byte.is_ascii_digit())
        && !last.get(..2).is_some_and(|start| start.eq_ignore_ascii_case("0x"))
        && !name.starts_with('-')
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::Mutex;

    use slipring_ring::Wall;
    use slipring_wire::date::DateCache;

    use super::super::{AccessRecord, Asked, CacheUse, Client, Format, Known, Moment, Sending};
    use super::*;

    /// Longer than any of this takes on a loaded machine.
    const PATIENCE: Duration = Duration::from_secs(30);
    const NOW: Instant = Instant::ORIGIN;

    fn peer(number: u32) -> Peer {
        Peer::Ip((Ipv4Addr::from(0x0a00_0000 + number), 7).into())
    }

    fn names(lookup: impl Fn(IpAddr) -> Option<Vec<String>> + Send + Sync + 'static) -> (Names, Receiver<()>) {
        let (tell, told) = mpsc::channel();
        let tell = Mutex::new(tell);
        let resolver = Resolver::start(lookup).expect("threads");
        let wake = move || {
            // A test that has seen enough is gone.
            let _ = tell.lock().expect("no panic").send(());
        };
        (Names::new(resolver, wake), told)
    }

    fn list(names: &[&str]) -> Vec<String> {
        names.iter().map(|&name| name.to_owned()).collect()
    }

    /// Row S48, and what is no name to show.
    #[test]
    fn the_first_name_with_a_dot() {
        for (names, chosen) in [
            (&["host.example", "www.example"][..], Some("host.example")),
            (&["host", "alias", "www.example", "b.example"], Some("www.example")),
            (&["localhost", "here"], Some("localhost")),
            (&[], None),
            (&["evil.example\nGET", "a b", "\"x", "caf\u{e9}", ""], None),
            (&["192.0.2.1"], None),
            (&["192.0.2.1.", "1", "127.0x7f", "127.0X1", "::1"], None),
            (&["3com"], Some("3com")),
            (&["4.3.2.1.in-addr.arpa"], Some("4.3.2.1.in-addr.arpa")),
            (&["[2001:db8::1]", "host"], Some("host")),
        ] {
            assert_eq!(choose(&list(names)), chosen, "{names:?}");
        }
        assert_eq!(choose(&["a.".repeat(128)]), None);
    }

    /// Row S47: asked when it connects, and once; what fails stays an address.
    #[test]
    fn a_name_is_known_when_its_lookup_has_ended() {
        let (asked, questions) = mpsc::channel();
        let asked = Mutex::new(asked);
        let (mut names, woken) = names(move |address| {
            asked.lock().expect("no panic").send(address).expect("the test listens");
            (address != Ipv4Addr::new(10, 0, 0, 2)).then(|| list(&["one", "one.example"]))
        });
        names.greet(peer(1), NOW);
        names.greet(peer(1), NOW);
        names.greet(Peer::Ip(("::ffff:10.0.0.1".parse::<IpAddr>().expect("an address"), 9).into()), NOW);
        names.greet(peer(2), NOW);
        names.greet(Peer::Unix, NOW);
        assert_eq!(names.of(peer(1)), None, "nothing was gathered yet");
        for _ in 0..2 {
            woken.recv_timeout(PATIENCE).expect("an answer");
        }
        names.gather(NOW);
        assert_eq!((names.of(peer(1)), names.of(peer(2))), (Some("one.example"), None));
        assert_eq!((names.of(peer(3)), names.of(Peer::Unix)), (None, None));
        drop(names);
        assert_eq!(questions.iter().count(), 2, "each address is asked about once");
    }

    /// In both logs, and nowhere where less than an address is shown.
    #[test]
    fn lines_show_the_name_where_they_show_the_address() {
        let (mut names, woken) = names(|_| Some(list(&["one.example"])));
        names.greet(peer(1), NOW);
        woken.recv_timeout(PATIENCE).expect("an answer");
        names.gather(NOW);
        let date = DateCache::new(0);
        let sending = Sending { begun: NOW, first_byte: None, start: 0, head_bytes: 1, body_bytes: 0 };
        let lines = |format: &Format, number| {
            let (cache, mut stage, mut line) = (CacheUse::None, Vec::new(), Vec::new());
            let known = Known { date: &date, names: Some(&names) };
            let record = AccessRecord { peer: peer(number), status: 200, cache, sending };
            record.stage(format, Asked { line: b"", head: None }, known, &mut stage);
            let at = Moment { now: NOW, wall: Wall::default(), date: &date, names: Some(&names) };
            format.message(&mut line, peer(number), at, b"said");
            (String::from_utf8_lossy(&stage).into_owned(), String::from_utf8(line).expect("it is escaped"))
        };
        for (client, number, shown) in [
            (Client::Full, 1, "one.example"),
            (Client::Full, 2, "10.0.0.2"),
            (Client::Prefix, 1, "10.0.0.0"),
            (Client::Off, 1, "-"),
        ] {
            let (access, message) = lines(&Format::python().client(client), number);
            assert!(access.contains(&format!("{shown} - - [")), "{access}");
            assert!(message.starts_with(&format!("{shown} - - [")), "{message}");
            assert_eq!(access.contains("one.example"), shown == "one.example");
        }
        assert!(lines(&Format::json(), 1).0.contains("\"client\":\"one.example\""));
    }

    /// A name is asked for anew behind its time, a failure behind its shorter one; a new question forgets the old answer.
    #[test]
    fn what_is_known_expires() {
        let (mut names, woken) = names(|address| (address == Ipv4Addr::new(10, 0, 0, 1)).then(|| list(&["one"])));
        let at = |names: &mut Names, number, now, asks: bool| {
            names.greet(peer(number), now);
            assert_eq!(names.of(peer(number)).is_some(), number == 1 && !asks, "{number} at {now:?}");
            if asks {
                woken.recv_timeout(PATIENCE).expect("an answer");
            }
            names.gather(now);
        };
        for (number, kept) in [(1, NAME_KEPT), (2, FAILURE_KEPT)] {
            let last = NOW.plus(kept.saturating_sub(Duration::from_nanos(1)));
            at(&mut names, number, NOW, true);
            at(&mut names, number, last, false);
            at(&mut names, number, NOW.plus(kept), true);
        }
        assert!(woken.try_recv().is_err(), "nothing else was asked");
    }

    /// A lookup that takes too long counts as failed, and its answer does not count later.
    #[test]
    fn a_slow_lookup_counts_as_failed() {
        let (release, released) = mpsc::channel();
        let released = Mutex::new(released);
        let (mut names, woken) = names(move |_| {
            let name: &str = released.lock().expect("no panic").recv().ok()?;
            Some(list(&[name]))
        });
        let late = NOW.plus(LOOKUP_TIMEOUT + Duration::from_nanos(1));
        names.greet(peer(1), NOW);
        names.greet(peer(1), late);
        release.send("late").expect("it is asked");
        woken.recv_timeout(PATIENCE).expect("an answer");
        names.gather(late);
        assert_eq!(names.of(peer(1)), None);
        let again = NOW.plus(LOOKUP_TIMEOUT + FAILURE_KEPT);
        names.greet(peer(1), again);
        release.send("in.time").expect("it is asked again");
        woken.recv_timeout(PATIENCE).expect("an answer");
        names.gather(again.plus(LOOKUP_TIMEOUT));
        assert_eq!(names.of(peer(1)), Some("in.time"));
    }

    /// However many connect, so many are kept; who comes back all the time is among them. A resolver that is stuck stops
    /// nobody.
    #[test]
    fn so_many_are_kept() {
        let (release, released) = mpsc::channel::<()>();
        let released = Mutex::new(released);
        let (mut names, _woken) = names(move |_| {
            let _ = released.lock().expect("no panic").recv();
            None
        });
        for number in 1..5 * NAMES_MAX as u32 {
            names.greet(peer(0), NOW);
            names.greet(peer(number), NOW);
            assert!(names.young.len() + names.old.len() <= NAMES_MAX);
        }
        let regular = address_of(peer(0)).expect("it has an address");
        assert!(names.young.contains_key(&regular) || names.old.contains_key(&regular));
        drop(release);
    }
}
