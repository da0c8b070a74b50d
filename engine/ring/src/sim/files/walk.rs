//! Paths resolved beneath a root as `openat2` does it (openat2(2), RESOLVE_BENEATH).

use super::{Files, Node, OpenFile, Root, Special, TOP};
use crate::limits::PATH_BYTES_MAX;
use crate::outcome::FileError;

/// A walk along a path: the directories passed, and the rules.
struct Walk {
    /// The directories from the start to here; never empty.
    passed: Vec<usize>,
    links: u32,
    /// The start cannot be left; else it is `/` and absolute links lead there.
    beneath: bool,
}

impl Files {
    /// Adds a root, which has to lead to a directory.
    pub(in crate::sim) fn add_root(&mut self, path: &[u8]) {
        let directory = self.follow(path).expect("a root leads to a directory");
        self.roots.push(Root { path: path.to_vec(), directory });
    }

    /// Follows the configured paths again; one that leads nowhere keeps its directory.
    pub(in crate::sim) fn refresh_roots(&mut self) {
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
    pub(in crate::sim) fn open(&mut self, root: usize, path: &[u8]) -> Result<u32, FileError> {
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

    /// Whether a name of a directory leads to a directory, without leaving the root.
    pub(super) fn leads_to_directory(&self, directory: usize, root: usize, name: &[u8]) -> bool {
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

/// Longest name in a directory, as on most Linux file systems (NAME_MAX).
const NAME_BYTES_MAX: usize = 255;
/// Links followed in one path (MAXSYMLINKS).
const LINKS_MAX: u32 = 40;
