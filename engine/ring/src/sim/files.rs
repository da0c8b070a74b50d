//! The simulated file tree, and paths resolved beneath a root as `openat2` does it (openat2(2), RESOLVE_BENEATH).

use std::collections::BTreeMap;

use super::content::Content;
use crate::limits::{LISTING_ENTRIES_MAX, PATH_BYTES_MAX};
use crate::op::{DirEntry, FileKind, FileStat, Listing};
use crate::outcome::FileError;
use crate::time::Wall;

/// What stands in a tree besides files, directories and links.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Special {
    /// Opens at once (O_NONBLOCK) and is no file.
    Fifo,
    /// A socket in the file system: cannot be opened (ENXIO).
    Socket,
    /// A device that opens.
    Device,
}

/// What an inode is.
#[derive(Clone, Debug)]
pub(super) enum Node {
    Regular(Content),
    Directory(BTreeMap<Vec<u8>, usize>),
    Link(Vec<u8>),
    Special(Special),
}

/// One file, whatever its names; it stays when the last name goes, for those who have it open.
struct Inode {
    node: Node,
    readable: bool,
    executable: bool,
    modified: Wall,
    changed: Wall,
}

/// A document root: the path that it was configured with and the directory that this led to.
struct Root {
    path: Vec<u8>,
    directory: usize,
}

/// An open file or directory of the ring.
pub(super) struct OpenFile {
    inode: usize,
    root: usize,
    pub(super) open: bool,
    pub(super) closing: bool,
    pub(super) in_flight: u32,
}

/// The tree, the roots and what is open. Open files keep their index for the whole run, so a stale one is noticed.
pub(super) struct Files {
    inodes: Vec<Inode>,
    roots: Vec<Root>,
    pub(super) open: Vec<OpenFile>,
}

/// The inode of `/`.
const TOP: usize = 0;
/// In place of a root's number: a spool, which stands beneath none.
const SPOOL: usize = usize::MAX;
/// Longest name in a directory, as on most Linux file systems (NAME_MAX).
const NAME_BYTES_MAX: usize = 255;
/// Links followed in one path (MAXSYMLINKS).
const LINKS_MAX: u32 = 40;
const DIRECTORY_BYTES: u64 = 4096;
const DEVICE: u64 = 0x51;
/// Inode numbers start behind those that file systems keep for themselves.
const INODE_BASE: u64 = 11;

/// A walk along a path: the directories passed, and the rules.
struct Walk {
    /// The directories from the start to here; never empty.
    passed: Vec<usize>,
    links: u32,
    /// The start cannot be left; else it is `/` and absolute links lead there.
    beneath: bool,
}

impl Files {
    pub(super) fn new(now: Wall) -> Self {
        let top = Inode {
            node: Node::Directory(BTreeMap::new()),
            readable: true,
            executable: false,
            modified: now,
            changed: now,
        };
        Self { inodes: vec![top], roots: Vec::new(), open: Vec::new() }
    }

    // Roots and resolving.

    /// Adds a root, which has to lead to a directory.
    pub(super) fn add_root(&mut self, path: &[u8]) {
        let directory = self.follow(path).expect("a root leads to a directory");
        self.roots.push(Root { path: path.to_vec(), directory });
    }

    /// Follows the configured paths again; one that leads nowhere keeps its directory.
    pub(super) fn refresh_roots(&mut self) {
        for number in 0..self.roots.len() {
            if let Some(directory) = self.follow(&self.roots[number].path) {
                self.roots[number].directory = directory;
            }
        }
    }

    fn follow(&self, path: &[u8]) -> Option<usize> {
        let mut walk = Walk { passed: vec![TOP], links: 0, beneath: false };
        let inode = self.walk(&mut walk, path).ok()?;
        matches!(self.inodes[inode].node, Node::Directory(_)).then_some(inode)
    }

    /// Opens `path` beneath a root.
    pub(super) fn open(&mut self, root: usize, path: &[u8]) -> Result<u32, FileError> {
        let inode = self.resolve(self.roots[root].directory, path)?;
        if !self.inodes[inode].readable {
            return Err(FileError::Denied);
        }
        if let Node::Special(Special::Socket) = self.inodes[inode].node {
            return Err(FileError::NotServable);
        }
        self.open.push(OpenFile { inode, root, open: true, closing: false, in_flight: 0 });
        Ok(self.open.len() as u32 - 1)
    }

    fn resolve(&self, directory: usize, path: &[u8]) -> Result<usize, FileError> {
        if path.len() >= PATH_BYTES_MAX || path.contains(&0) {
            return Err(FileError::NotFound);
        }
        self.walk(&mut Walk { passed: vec![directory], links: 0, beneath: true }, path)
    }

    fn walk(&self, walk: &mut Walk, path: &[u8]) -> Result<usize, FileError> {
        if path.first() == Some(&b'/') {
            walk.restart()?;
        }
        let mut at = walk.here();
        for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            at = self.step(walk, at, name)?;
        }
        let must_be_directory = path.last() == Some(&b'/');
        let is_directory = matches!(self.inodes[at].node, Node::Directory(_));
        if must_be_directory && !is_directory { Err(FileError::NotFound) } else { Ok(at) }
    }

    fn step(&self, walk: &mut Walk, at: usize, name: &[u8]) -> Result<usize, FileError> {
        let Node::Directory(names) = &self.inodes[at].node else { return Err(FileError::NotFound) };
        if !self.inodes[at].readable {
            return Err(FileError::Denied);
        }
        match name {
            b"." => return Ok(at),
            b".." => return walk.up(),
            _ if name.len() > NAME_BYTES_MAX => return Err(FileError::NotFound),
            _ => {}
        }
        let child = *names.get(name).ok_or(FileError::NotFound)?;
        match &self.inodes[child].node {
            Node::Directory(_) => walk.passed.push(child),
            Node::Link(target) => {
                walk.link()?;
                return self.walk(walk, target);
            }
            Node::Regular(_) | Node::Special(_) => {}
        }
        Ok(child)
    }

    // What the ring does with open files.

    pub(super) fn measure(&self, file: u32) -> FileStat {
        self.stat(self.open[file as usize].inode)
    }

    fn stat(&self, inode: usize) -> FileStat {
        let entry = &self.inodes[inode];
        FileStat {
            kind: entry.node.kind(),
            size: entry.node.size(),
            executable: entry.executable,
            modified_s: entry.modified.secs as i64,
            modified_ns: entry.modified.nanos,
            changed_s: entry.changed.secs as i64,
            changed_ns: entry.changed.nanos,
            device: DEVICE,
            inode: INODE_BASE + inode as u64,
        }
    }

    pub(super) fn read(&self, file: u32, offset: u64, place: &mut [u8]) -> Result<usize, FileError> {
        match &self.inodes[self.open[file as usize].inode].node {
            Node::Regular(content) => Ok(content.read(offset, place)),
            Node::Directory(_) => Err(FileError::Io(libc::EISDIR)),
            // Nobody writes into it.
            Node::Special(_) | Node::Link(_) => Ok(0),
        }
    }

    /// Everything that is in a file now.
    pub(super) fn whole(&self, file: u32) -> Result<Vec<u8>, FileError> {
        let mut bytes = vec![0; self.measure(file).size as usize];
        let len = self.read(file, 0, &mut bytes)?;
        bytes.truncate(len);
        Ok(bytes)
    }

    /// An empty file without a name, open.
    pub(super) fn make_spool(&mut self, now: Wall) -> u32 {
        let node = Node::Regular(Content::Bytes(Vec::new()));
        self.inodes.push(Inode { node, readable: true, executable: false, modified: now, changed: now });
        let inode = self.inodes.len() - 1;
        self.open.push(OpenFile { inode, root: SPOOL, open: true, closing: false, in_flight: 0 });
        self.open.len() as u32 - 1
    }

    pub(super) fn is_spool(&self, file: u32) -> bool {
        self.open[file as usize].root == SPOOL
    }

    /// Writes into a spool; a hole before it is zeros.
    pub(super) fn store(&mut self, file: u32, offset: u64, bytes: &[u8]) {
        let inode = self.open[file as usize].inode;
        let Node::Regular(Content::Bytes(held)) = &mut self.inodes[inode].node else {
            unreachable!("a spool is bytes")
        };
        let (start, end) = (offset as usize, offset as usize + bytes.len());
        held.resize(held.len().max(end), 0);
        held[start..end].copy_from_slice(bytes);
    }

    pub(super) fn list(&self, file: u32) -> Result<Listing, FileError> {
        let OpenFile { inode, root, .. } = self.open[file as usize];
        let Node::Directory(names) = &self.inodes[inode].node else { return Err(FileError::NotFound) };
        let described = names.iter().take(LISTING_ENTRIES_MAX);
        let entries = described.map(|(name, &child)| self.describe(inode, root, name, child)).collect();
        Ok(Listing { entries, truncated: names.len() > LISTING_ENTRIES_MAX })
    }

    fn describe(&self, directory: usize, root: usize, name: &[u8], child: usize) -> DirEntry {
        let entry = &self.inodes[child];
        let kind = entry.node.kind();
        DirEntry {
            name: name.to_vec(),
            kind,
            link_to_directory: kind == FileKind::Link && self.leads_to_directory(directory, root, name),
            size: if kind == FileKind::Regular { entry.node.size() } else { 0 },
            modified_s: entry.modified.secs as i64,
        }
    }

    fn leads_to_directory(&self, directory: usize, root: usize, name: &[u8]) -> bool {
        let top = self.roots[root].directory;
        let Some(passed) = self.path_between(top, directory) else { return false };
        let found = self.walk(&mut Walk { passed, links: 0, beneath: true }, name);
        found.is_ok_and(|inode| matches!(self.inodes[inode].node, Node::Directory(_)))
    }

    /// The directories from `top` down to `directory`.
    fn path_between(&self, top: usize, directory: usize) -> Option<Vec<usize>> {
        if top == directory {
            return Some(vec![top]);
        }
        let Node::Directory(names) = &self.inodes[top].node else { return None };
        let mut below = names.values().find_map(|&child| self.path_between(child, directory))?;
        below.insert(0, top);
        Some(below)
    }

    // What the harness does with the tree. Paths are absolute and pass no links.

    /// Puts a node at `path`, in place of what stood there, making the directories on the way.
    pub(super) fn put(&mut self, path: &[u8], node: Node, now: Wall) {
        let inode = self.inodes.len();
        self.inodes.push(Inode { node, readable: true, executable: false, modified: now, changed: now });
        self.enter(path, inode, now);
    }

    /// Makes a directory at `path` if none is there.
    pub(super) fn make_directory(&mut self, path: &[u8], now: Wall) -> usize {
        let mut at = TOP;
        for name in path.split(|&byte| byte == b'/').filter(|name| !name.is_empty()) {
            at = self.child_directory(at, name, now);
        }
        at
    }

    fn child_directory(&mut self, at: usize, name: &[u8], now: Wall) -> usize {
        if let Node::Directory(names) = &self.inodes[at].node
            && let Some(&child) = names.get(name)
        {
            return child;
        }
        let child = self.inodes.len();
        let node = Node::Directory(BTreeMap::new());
        self.inodes.push(Inode { node, readable: true, executable: false, modified: now, changed: now });
        self.names_mut(at, now).insert(name.to_vec(), child);
        child
    }

    fn enter(&mut self, path: &[u8], inode: usize, now: Wall) {
        let (parent, name) = split(path);
        let directory = self.make_directory(parent, now);
        self.names_mut(directory, now).insert(name.to_vec(), inode);
    }

    /// Takes the name away, and all below it; what it named stays for those who have it open.
    pub(super) fn remove(&mut self, path: &[u8], now: Wall) {
        let inode = self.detach(path, now);
        self.empty(inode);
    }

    fn detach(&mut self, path: &[u8], now: Wall) -> usize {
        let (parent, name) = split(path);
        let directory = self.node_at(parent);
        let removed = self.names_mut(directory, now).remove(name);
        removed.unwrap_or_else(|| panic!("{} is not there", path.escape_ascii()))
    }

    fn empty(&mut self, inode: usize) {
        if let Node::Directory(names) = &mut self.inodes[inode].node {
            for child in std::mem::take(names).into_values() {
                self.empty(child);
            }
        }
    }

    /// Renames, in place of what stood at `to`.
    pub(super) fn rename(&mut self, from: &[u8], to: &[u8], now: Wall) {
        let inode = self.detach(from, now);
        self.inodes[inode].changed = now;
        self.enter(to, inode, now);
    }

    /// Changes the bytes of a regular file, for those as well who have it open.
    pub(super) fn change(&mut self, path: &[u8], now: Wall, change: impl FnOnce(&mut Content)) {
        let inode = self.node_at(path);
        let entry = &mut self.inodes[inode];
        let Node::Regular(content) = &mut entry.node else { panic!("{} is no file", path.escape_ascii()) };
        change(content);
        (entry.modified, entry.changed) = (now, now);
    }

    pub(super) fn set_readable(&mut self, path: &[u8], readable: bool, now: Wall) {
        let inode = self.node_at(path);
        self.inodes[inode].readable = readable;
        self.inodes[inode].changed = now;
    }

    pub(super) fn set_executable(&mut self, path: &[u8]) {
        let inode = self.node_at(path);
        self.inodes[inode].executable = true;
    }

    pub(super) fn set_modified(&mut self, path: &[u8], modified: Wall, now: Wall) {
        let inode = self.node_at(path);
        (self.inodes[inode].modified, self.inodes[inode].changed) = (modified, now);
    }

    pub(super) fn stat_at(&self, path: &[u8]) -> FileStat {
        self.stat(self.node_at(path))
    }

    fn node_at(&self, path: &[u8]) -> usize {
        let names = path.split(|&byte| byte == b'/').filter(|name| !name.is_empty());
        names.fold(TOP, |at, name| match &self.inodes[at].node {
            Node::Directory(names) if names.contains_key(name) => names[name],
            _ => panic!("{} is not there", path.escape_ascii()),
        })
    }

    fn names_mut(&mut self, directory: usize, now: Wall) -> &mut BTreeMap<Vec<u8>, usize> {
        let entry = &mut self.inodes[directory];
        (entry.modified, entry.changed) = (now, now);
        let Node::Directory(names) = &mut entry.node else { panic!("a file is in the way of a directory") };
        names
    }
}

impl Walk {
    fn here(&self) -> usize {
        self.passed[self.passed.len() - 1]
    }

    /// An absolute path or link.
    fn restart(&mut self) -> Result<(), FileError> {
        if self.beneath {
            return Err(FileError::OutsideRoot);
        }
        self.passed.truncate(1);
        Ok(())
    }

    fn up(&mut self) -> Result<usize, FileError> {
        if self.passed.len() > 1 {
            self.passed.pop();
        } else if self.beneath {
            return Err(FileError::OutsideRoot);
        }
        Ok(self.here())
    }

    fn link(&mut self) -> Result<(), FileError> {
        self.links += 1;
        if self.links > LINKS_MAX { Err(FileError::NotServable) } else { Ok(()) }
    }
}

impl Node {
    fn kind(&self) -> FileKind {
        match self {
            Node::Regular(_) => FileKind::Regular,
            Node::Directory(_) => FileKind::Directory,
            Node::Link(_) => FileKind::Link,
            Node::Special(_) => FileKind::Other,
        }
    }

    fn size(&self) -> u64 {
        match self {
            Node::Regular(content) => content.len(),
            Node::Directory(_) => DIRECTORY_BYTES,
            Node::Link(target) => target.len() as u64,
            Node::Special(_) => 0,
        }
    }
}

/// A path's directory and its last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|&byte| byte == b'/').expect("paths of the tree are absolute");
    (&path[..slash], &path[slash + 1..])
}
