//! What the harness does with the tree. Paths are absolute and pass no links.

use std::collections::BTreeMap;

use super::{Files, Inode, Node, TOP};
use crate::op::FileStat;
use crate::sim::content::Content;
use crate::time::Wall;

impl Files {
    /// Puts a node at `path`, in place of what stood there, making the directories on the way.
    pub(in crate::sim) fn put(&mut self, path: &[u8], node: Node, now: Wall) {
        let inode = self.inodes.len();
        self.inodes.push(Inode { node, readable: true, executable: false, modified: now, changed: now });
        self.enter(path, inode, now);
    }

    /// Makes a directory at `path` if none is there.
    pub(in crate::sim) fn make_directory(&mut self, path: &[u8], now: Wall) -> usize {
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
    pub(in crate::sim) fn remove(&mut self, path: &[u8], now: Wall) {
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
    pub(in crate::sim) fn rename(&mut self, from: &[u8], to: &[u8], now: Wall) {
        let inode = self.detach(from, now);
        self.inodes[inode].changed = now;
        self.enter(to, inode, now);
    }

    /// Changes the bytes of a regular file, for those as well who have it open.
    pub(in crate::sim) fn change(&mut self, path: &[u8], now: Wall, change: impl FnOnce(&mut Content)) {
        let inode = self.node_at(path);
        let entry = &mut self.inodes[inode];
        let Node::Regular(content) = &mut entry.node else { panic!("{} is no file", path.escape_ascii()) };
        change(content);
        (entry.modified, entry.changed) = (now, now);
    }

    pub(in crate::sim) fn set_readable(&mut self, path: &[u8], readable: bool, now: Wall) {
        let inode = self.node_at(path);
        self.inodes[inode].readable = readable;
        self.inodes[inode].changed = now;
    }

    pub(in crate::sim) fn set_executable(&mut self, path: &[u8]) {
        let inode = self.node_at(path);
        self.inodes[inode].executable = true;
    }

    pub(in crate::sim) fn set_modified(&mut self, path: &[u8], modified: Wall, now: Wall) {
        let inode = self.node_at(path);
        (self.inodes[inode].modified, self.inodes[inode].changed) = (modified, now);
    }

    pub(in crate::sim) fn stat_at(&self, path: &[u8]) -> FileStat {
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

/// A path's directory and its last name.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let slash = path.iter().rposition(|&byte| byte == b'/').expect("paths of the tree are absolute");
    (&path[..slash], &path[slash + 1..])
}
