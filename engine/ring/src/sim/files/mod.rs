//! The simulated files: what stands in the tree, and what a ring does with those it has open.

mod tree;
mod walk;

use std::collections::BTreeMap;

use super::content::Content;
use crate::limits::LISTING_ENTRIES_MAX;
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
const DIRECTORY_BYTES: u64 = 4096;
const DEVICE: u64 = 0x51;
/// Inode numbers start behind those that file systems keep for themselves.
const INODE_BASE: u64 = 11;

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
