//! The files under simulation, and every version that each of them ever was.

use std::time::Duration;

use slipring_ring::Instant;
use slipring_ring::sim::{Content, Outside, Random, TIMESTAMP_GRANULE_NS};

/// The names of the files, under the root.
pub const FILES: [&str; 4] = ["small", "page", "large", "changing"];

/// What `directory/inner` holds, always.
pub const INNER: &[u8] = b"a file that nobody changes\n";

const FIRST_BYTES: [u64; 4] = [40, 3000, 70_000, 20_000];
const ROOT: &str = "/srv";

/// The tree as the harness made it.
pub struct Tree {
    files: Vec<Vec<Version>>,
    made: u64,
    /// When a file was last written to in place.
    disturbed: [Option<u32>; FILES.len()],
    /// Whether that was with other bytes.
    overwritten: [bool; FILES.len()],
    /// Its shortest length since it was put there.
    shortest: [u64; FILES.len()],
    /// When anything last happened to it.
    changed: [Instant; FILES.len()],
}

/// What a name stood for, and when; `None` is no file.
pub struct Version {
    /// The bytes.
    pub content: Option<Content>,
    /// The first round.
    since: u32,
    /// When it was replaced.
    until: Option<(u32, Instant)>,
}

impl Tree {
    /// The files, freshly made, and a secret beside the root.
    pub fn new(outside: &Outside, random: &mut Random) -> Self {
        let mut tree = Self {
            files: FILES.map(|_| Vec::new()).into(),
            made: 0,
            disturbed: [None; FILES.len()],
            overwritten: [false; FILES.len()],
            shortest: FIRST_BYTES,
            changed: [Instant::ORIGIN; FILES.len()],
        };
        outside.put_file("/secret", b"a secret");
        outside.put_file("/srv/directory/inner", INNER);
        for (number, bytes) in FIRST_BYTES.into_iter().enumerate() {
            tree.shortest[number] = random.between(bytes / 2, bytes);
            let content = tree.content(tree.shortest[number]);
            outside.put_file(path(number), content.clone());
            tree.replace(number, 0, Some(content));
        }
        tree
    }

    /// Something happens to a file. What no server could notice is left out: other bytes in place of as many within one
    /// timestamp, and other bytes with more behind them, which look like a log that grows.
    pub fn change(&mut self, outside: &Outside, random: &mut Random, round: u32) {
        let number = random.below(FILES.len() as u64) as usize;
        let now = outside.now();
        if now.since(self.changed[number]) < 2 * Duration::from_nanos(u64::from(TIMESTAMP_GRANULE_NS)) {
            return;
        }
        self.changed[number] = now;
        let len = random.between(0, 2 * FIRST_BYTES[number]);
        let there = self.files[number].last().and_then(|version| version.content.clone());
        let size = there.as_ref().map_or(0, Content::len);
        match (random.below(5), there) {
            (0, Some(_)) => {
                outside.remove(path(number));
                self.replace(number, round, None);
            }
            (1, Some(_)) => {
                let content = self.content(len.min(self.shortest[number]));
                outside.overwrite(path(number), content.clone());
                self.overwritten[number] = true;
                self.disturb(number, round, content);
            }
            // Cut, or made longer by what its function goes on with.
            (2, Some(Content::Generated { seed, .. })) => {
                let len = if self.overwritten[number] { len.min(size) } else { len };
                outside.resize(path(number), len);
                self.disturb(number, round, Content::Generated { seed, len });
            }
            _ => {
                let content = self.content(len);
                outside.put_file(path(number), content.clone());
                self.overwritten[number] = false;
                self.replace(number, round, Some(content));
                self.shortest[number] = len;
            }
        }
    }

    /// The versions of a file that were there at any time from a moment (a round and its time, less `stale`) to round
    /// `to`.
    pub fn versions(
        &self,
        number: usize,
        from: (u32, Instant),
        to: u32,
        stale: Duration,
    ) -> impl Iterator<Item = &Version> + Clone {
        let lasted = move |version: &Version| match version.until {
            Some((round, gone)) => round >= from.0 || from.1.since(gone) <= stale,
            None => true,
        };
        self.files[number].iter().filter(move |version| version.since <= to && lasted(version))
    }

    /// Whether a file was written to in place from round `from` on.
    pub fn was_disturbed(&self, number: usize, from: u32) -> bool {
        self.disturbed[number].is_some_and(|round| round >= from)
    }

    fn content(&mut self, len: u64) -> Content {
        self.made += 1;
        Content::Generated { seed: self.made, len }
    }

    fn disturb(&mut self, number: usize, round: u32, content: Content) {
        self.shortest[number] = self.shortest[number].min(content.len());
        self.disturbed[number] = Some(round);
        self.replace(number, round, Some(content));
    }

    fn replace(&mut self, number: usize, round: u32, content: Option<Content>) {
        if let Some(last) = self.files[number].last_mut() {
            last.until = Some((round, self.changed[number]));
        }
        self.files[number].push(Version { content, since: round, until: None });
    }
}

impl Version {
    /// The bytes of a version, none where there is no file.
    pub fn bytes(&self) -> Option<Vec<u8>> {
        let content = self.content.as_ref()?;
        let mut bytes = vec![0; content.len() as usize];
        content.read(0, &mut bytes);
        Some(bytes)
    }
}

fn path(number: usize) -> String {
    format!("{ROOT}/{}", FILES[number])
}
