//! Serving files: from a target to a file beneath a root, and from a file to an answer.
//!
//! This handler makes no system call: it asks the ring to open, read and list, so every fault of a file system can be
//! simulated. A small file's whole answer is kept in a cache; a large one is streamed in fixed memory.

mod answer;
mod cache;
mod conditional;
mod facts;
mod fill;
mod listing;
mod mime;
mod range;
#[cfg(test)]
mod tests;

use std::time::Duration;

use slipring_ring::{FileError, FileId, FileKind, FileStat, Listing, RootId};
use slipring_wire::target::{NormalPath, TargetError, normalize, plain_path};

use crate::handler::{Arrived, Commands, Exchange, Handler, Reply};
use crate::log::CacheUse;
use cache::Cache;
use fill::{FILL, Fill, Fills};

/// What to serve, and how.
#[derive(Clone, Debug)]
pub struct FileOptions {
    /// Beneath which root.
    pub root: RootId,
    /// A directory without an index shows its names.
    pub listing: bool,
    /// Names that stand for a directory, in order.
    pub index: Vec<String>,
    /// Bytes of all cached answers of one shard.
    pub cache_bytes_max: usize,
    /// Bytes of a file whose answer is cached; at most [`CACHE_FILE_BYTES_MAX`].
    pub cache_file_bytes_max: u64,
    /// How long a cached answer is sent without looking at its file.
    pub revalidate: Duration,
    /// Names that begin with a dot are served and shown too. `.well-known` at the root always is (RFC 8615).
    pub dotfiles: bool,
}

/// Bytes of the largest file whose answer is cached; larger ones are streamed.
pub const CACHE_FILE_BYTES_MAX: u64 = 256 * 1024;

/// Bytes of a body that is copied behind its head into a send slot; a larger one is sent from where it stands.
const COPIED_BYTES_MAX: usize = 16 * 1024;

impl FileOptions {
    /// As users of `python3 -m http.server` expect: listings on, `index.html` and `index.htm` (row F10).
    pub fn new(root: RootId) -> Self {
        Self {
            root,
            listing: true,
            index: vec!["index.html".into(), "index.htm".into()],
            cache_bytes_max: 64 << 20,
            cache_file_bytes_max: CACHE_FILE_BYTES_MAX,
            revalidate: Duration::from_secs(1),
            dotfiles: false,
        }
    }
}

/// Answers GET and HEAD with the files beneath a root.
#[derive(Debug)]
pub struct FileHandler {
    options: FileOptions,
    cache: Cache,
    fills: Fills,
    /// Where paths are brought to normal form, and the key of the one at hand.
    scratch: Vec<u8>,
    key: Vec<u8>,
}

impl Handler for FileHandler {
    const COMMANDS: Commands<Self> = Commands::new().on("GET", Self::do_get).on("HEAD", Self::do_get);

    fn resume(&mut self, x: &mut Exchange<'_>, tag: u32, arrived: Arrived<'_>) -> Reply {
        match arrived {
            Arrived::Opened(result) => self.opened(x, tag, result),
            Arrived::Read(result) => self.filled(x, tag, result),
            Arrived::Listed(result) => self.listed(x, result),
            // Never asked for here.
            Arrived::Ran(_) | Arrived::Spoke(_) | Arrived::Writes(_) => x.send_error(500),
            Arrived::Over => self.begin(x, ALONE),
        }
    }

    fn abandoned(&mut self, tag: u32) {
        self.fills.end(tag);
    }
}

/// Tags: what an ask is for. An index's number is added to `INDEX`; from `FILL` on they are the fills' own. With `ALONE`
/// it is for an exchange that has followed a fill, and does not follow another.
const FILE: u32 = 0;
const DIRECTORY: u32 = 1;
const LIST: u32 = 2;
const INDEX: u32 = 16;
const FOLLOW: u32 = 3;
const ALONE: u32 = 1 << 31;
const INDEX_NAMES_MAX: usize = (FILL - INDEX) as usize;

impl FileHandler {
    /// A bit that none of its asks' tags has: a handler that embeds this one sets it in its own.
    pub const FOREIGN: u32 = 1 << 30;

    /// A handler with an empty cache. Index names beyond the 240th are left out.
    pub fn new(mut options: FileOptions) -> Self {
        options.index.truncate(INDEX_NAMES_MAX);
        Self {
            cache: Cache::new(options.cache_bytes_max),
            fills: Fills::new(options.cache_file_bytes_max.min(CACHE_FILE_BYTES_MAX)),
            scratch: Vec::with_capacity(4096),
            key: Vec::with_capacity(4096),
            options,
        }
    }

    /// Answers GET and HEAD. A handler that embeds this one calls it for the targets that are files, and passes `resume` and
    /// `abandoned` on for tags without [`Self::FOREIGN`].
    ///
    /// # Errors
    /// When the exchange was answered already.
    #[inline]
    pub fn do_get(&mut self, x: &mut Exchange) -> Reply {
        // Most targets are their own key: a hit copies nothing of them.
        let target = x.head().path_and_query(x.head_bytes());
        if let Some(path) = plain_path(target)
            && let Some(entry) =
                self.cache.find(if path.is_empty() { b"/" } else { path }, x.now(), self.options.revalidate)
        {
            return answer::cached(x, entry);
        }
        self.begin(x, 0)
    }

    /// Answers from the cache, or begins to look for the file. `alone` goes into the tags.
    #[inline]
    fn begin(&mut self, x: &mut Exchange, alone: u32) -> Reply {
        if let Err(status) = self.resolve(x) {
            return refuse_target(x, status);
        }
        let now = x.now();
        if let Some(entry) = self.cache.find(&self.key, now, self.options.revalidate) {
            x.note_cache(CacheUse::Hit);
            return answer::cached(x, entry);
        }
        if alone == 0
            && let Some(fill) = self.fills.of(&self.key)
        {
            return x.ask_after(FOLLOW, fill);
        }
        if self.key_is_directory() {
            self.ask_index(x, alone, 0)
        } else {
            x.ask_open(FILE | alone, self.options.root, &self.key)
        }
    }

    /// Brings the target's path to its key: the normal path, with a slash behind it if it names a directory. `Err` is
    /// the status of the refusal.
    #[inline]
    fn resolve(&mut self, x: &Exchange<'_>) -> Result<(), u16> {
        let target = x.head().path_and_query(x.head_bytes());
        let NormalPath { path, directory, hidden, .. } =
            normalize(target, &mut self.scratch).map_err(TargetError::status)?;
        if (hidden && !self.options.dotfiles) || path.len() > PATH_BYTES_MAX {
            return Err(404);
        }
        self.key.clear();
        self.key.extend_from_slice(path);
        if directory {
            self.key.push(b'/');
        }
        Ok(())
    }

    fn key_is_directory(&self) -> bool {
        self.key.ends_with(b"/")
    }

    /// The key without its slash: what is opened.
    fn path(&self) -> &[u8] {
        self.key.strip_suffix(b"/").unwrap_or(&self.key)
    }

    /// The name that the content type follows from: the path's, or that of the index which stands for it.
    fn name(&self, index: Option<u32>) -> &[u8] {
        let index = index.and_then(|number| self.options.index.get(number as usize));
        index.map_or_else(|| self.path(), |name| name.as_bytes())
    }

    /// Asks for an index of the directory; behind the last, for the directory itself.
    fn ask_index(&mut self, x: &mut Exchange<'_>, alone: u32, number: u32) -> Reply {
        let Some(name) = self.options.index.get(number as usize) else {
            return self.ask_directory(x);
        };
        self.scratch.clear();
        let directory: &[u8] = if self.key == b"/" { b"" } else { &self.key };
        self.scratch.extend_from_slice(directory);
        self.scratch.extend_from_slice(name.as_bytes());
        x.ask_open((INDEX + number) | alone, self.options.root, &self.scratch)
    }

    fn ask_directory(&mut self, x: &mut Exchange<'_>) -> Reply {
        self.cache.remove(&self.key);
        if self.options.listing { x.ask_open(DIRECTORY, self.options.root, self.path()) } else { not_found(x) }
    }

    fn opened(&mut self, x: &mut Exchange<'_>, tag: u32, result: Result<(FileId, FileStat), FileError>) -> Reply {
        if let Err(status) = self.resolve(x) {
            return refuse_target(x, status);
        }
        let (alone, tag) = (tag & ALONE, tag & !ALONE);
        let index = tag.checked_sub(INDEX);
        match (tag, result) {
            (FILE | INDEX.., Ok((file, stat))) if stat.kind == FileKind::Regular => {
                self.found(x, alone, file, stat, index)
            }
            // What is no regular file is no index (row F10); one that may not be read still is, and hides the listing.
            (INDEX.., Ok(_) | Err(FileError::NotFound | FileError::NotServable)) => {
                self.ask_index(x, alone, tag - INDEX + 1)
            }
            (FILE, Ok((_, stat))) if stat.kind == FileKind::Directory => {
                self.cache.remove(&self.key);
                answer::redirect_to_directory(x, &self.key)
            }
            (DIRECTORY, Ok((file, stat))) if stat.kind == FileKind::Directory => x.ask_list(LIST, file),
            (_, Ok(_)) => self.lost(x, FileError::NotServable),
            (_, Err(error)) => self.lost(x, error),
        }
    }

    /// A regular file is open: answer from the cache if it is still that file, fill it if it is small (or follow who
    /// does), or stream.
    fn found(&mut self, x: &mut Exchange<'_>, alone: u32, file: FileId, stat: FileStat, index: Option<u32>) -> Reply {
        let now = x.now();
        if let Some(entry) = self.cache.confirm(&self.key, &stat, now) {
            x.note_cache(CacheUse::Revalidated);
            return answer::cached(x, entry);
        }
        self.cache.remove(&self.key);
        if let Some(reply) = answer::unread(x, self.name(index), &stat) {
            return reply;
        }
        if alone == 0
            && let Some(fill) = self.fills.of(&self.key)
        {
            return x.ask_after(FOLLOW, fill);
        }
        match self.fills.begin(&self.key, file, stat, index, now) {
            Some((fill, len)) => x.ask_read(fill, file, 0, len),
            None => answer::streamed(x, self.name(index), file, &stat),
        }
    }

    /// Goes on with a fill: reads to the end, and looks whether the file is still what was opened (decision 14).
    fn filled(&mut self, x: &mut Exchange<'_>, tag: u32, result: Result<(&[u8], FileStat), FileError>) -> Reply {
        if let Err(status) = self.resolve(x) {
            return refuse_target(x, status);
        }
        // A fill of the handler before this one, which a panic ended: begin again.
        let Some(fill) = self.fills.get(tag) else { return self.begin(x, ALONE) };
        let (step, stat) = match result {
            Ok((bytes, stat)) => (fill.read(bytes, stat), stat),
            Err(error) => {
                self.fills.end(tag);
                return self.lost(x, error);
            }
        };
        if let fill::Step::More { offset, len } = step {
            return x.ask_read(tag, fill.file, offset, len);
        }
        let Some(fill) = self.fills.end(tag) else { return x.send_error(500) };
        match step {
            fill::Step::Complete => self.keep_and_answer(x, fill, &stat),
            _ => answer::streamed(x, self.name(fill.index), fill.file, &stat),
        }
    }

    fn keep_and_answer(&mut self, x: &mut Exchange<'_>, fill: Fill, stat: &FileStat) -> Reply {
        let entry = answer::prepare(x, self.name(fill.index), fill.bytes, stat)?;
        if !is_settled(stat, x.now_s()) {
            // Written so lately that another write could leave the same time stamps: not to be trusted.
            x.note_cache(CacheUse::Bypass);
            return answer::cached(x, &entry);
        }
        x.note_cache(CacheUse::Miss);
        // Trusted from when the path was looked at: a slow disk may have taken its time since.
        match self.cache.insert(&self.key, entry, fill.opened) {
            Ok(entry) => answer::cached(x, entry),
            Err(entry) => answer::cached(x, &entry),
        }
    }

    fn listed(&mut self, x: &mut Exchange<'_>, result: Result<&Listing, FileError>) -> Reply {
        if let Err(status) = self.resolve(x) {
            return refuse_target(x, status);
        }
        match result {
            Ok(names) => listing::answer(x, names, self.path().is_empty(), self.options.dotfiles),
            Err(error) => self.lost(x, error),
        }
    }

    /// There is no file: nothing is kept of it, and the peer is told as much as it may know.
    fn lost(&mut self, x: &mut Exchange<'_>, error: FileError) -> Reply {
        self.cache.remove(&self.key);
        refuse(x, error)
    }
}

/// A path that no file system call takes (Linux `PATH_MAX`, with room for an index's name).
const PATH_BYTES_MAX: usize = 4000;

/// How old a file's last change must be before its time stamps tell one version from the next, in seconds.
const SETTLED_S: u64 = 2;

fn is_settled(stat: &FileStat, now_s: u64) -> bool {
    let changed = stat.modified_s.max(stat.changed_s);
    u64::try_from(changed).unwrap_or(0).saturating_add(SETTLED_S) <= now_s
}

/// What a file error means to a peer: whether a file exists beneath the surface is not told (row F12).
fn refuse(x: &mut Exchange<'_>, error: FileError) -> Reply {
    match error {
        FileError::NotFound | FileError::OutsideRoot | FileError::NotServable => not_found(x),
        FileError::Denied => {
            x.log_error(format_args!("permission denied: {}", x.path().escape_ascii()));
            not_found(x)
        }
        FileError::DescriptorLimit => x.send_error_fields(503, None, &[("Retry-After", b"1")]),
        FileError::Cancelled | FileError::Io(_) => {
            x.log_error(format_args!("{error}: {}", x.path().escape_ascii()));
            x.send_error(500)
        }
    }
}

/// A target that leads to no path: 404 in the words of a missing file, so that neither is told from the other.
fn refuse_target(x: &mut Exchange<'_>, status: u16) -> Reply {
    if status == 404 { not_found(x) } else { x.send_error(status) }
}

fn not_found(x: &mut Exchange<'_>) -> Reply {
    x.send_error_with(404, Some("File not found"), None)
}
