//! Who is asked: Python's servers, or slipring's, over the same directory tree.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use tempfile::TempDir;

use crate::answer::mask;
use crate::cases::Subject;
use crate::client::End;
use crate::harness::{self, Server};
use crate::notation::{bytes, show};

/// One server for each subject.
pub struct Peers {
    files10: Server,
    files11: Server,
    dispatch: Server,
}

impl Peers {
    pub fn python(site: &TempDir) -> Self {
        let start = |arguments: &[&OsStr]| {
            let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/differential/peer.py");
            // Not written into the tree, and file names are bytes of UTF-8 wherever this runs.
            let mut command = Command::new("python3");
            command.env("PYTHONDONTWRITEBYTECODE", "1").env("PYTHONUTF8", "1");
            Server::start(command.arg(script).args(arguments))
        };
        let root = root(site);
        Self {
            files10: start(&["HTTP/1.0".as_ref(), root.as_os_str()]),
            files11: start(&["HTTP/1.1".as_ref(), root.as_os_str()]),
            dispatch: start(&["dispatch".as_ref()]),
        }
    }

    pub fn slipring(site: &TempDir) -> Self {
        let mut dispatch = Command::new(env!("CARGO_BIN_EXE_handlers"));
        Self {
            files10: Server::slipring(&root(site), &["-p", "HTTP/1.0"]),
            files11: Server::serve(&root(site)),
            dispatch: Server::start(dispatch.arg("dispatch")),
        }
    }

    /// Sends a request, ends the sending direction, and reads to the end: all that was answered, masked.
    pub fn ask(&self, subject: Subject, request: &str) -> Vec<u8> {
        let server = match subject {
            Subject::Files10 => &self.files10,
            Subject::Files11 => &self.files11,
            Subject::Dispatch => &self.dispatch,
        };
        let (answer, end) = server.client().send(&bytes(request)).half_close().read_to_end();
        assert_ne!(end, End::Silence, "{subject:?} {request}: no end after {}", show(&answer));
        mask(&answer)
    }
}

/// The version of `python3`, such as 3.11.7; none if there is no Python.
pub fn python() -> Option<String> {
    if !harness::has("python3") {
        return None;
    }
    let said = Command::new("python3").arg("--version").output().ok()?;
    Some(String::from_utf8_lossy(&said.stdout).trim().strip_prefix("Python ")?.to_owned())
}

fn root(site: &TempDir) -> std::path::PathBuf {
    site.path().join("root")
}

/// The tree that both serve, every file as old as the first date in RFC 9110.
pub fn site() -> TempDir {
    let site = harness::site(FILES);
    let root = root(&site);
    let undecodable: &[u8] = b"bytes/a\xff.txt";
    fs::write(root.join(OsStr::from_bytes(undecodable)), "bytes").expect("a file");
    for directory in ["dirindex/index.html", "empty"] {
        fs::create_dir_all(root.join(directory)).expect("a directory");
    }
    for (target, link) in [
        ("f.txt", "link.txt"),
        ("sub", "linkdir"),
        ("../outside.txt", "out.txt"),
        ("nowhere", "dangling"),
        ("../names", "marks/dir"),
        ("../f.txt", "marks/file"),
    ] {
        symlink(target, root.join(link)).expect("a link");
    }
    age(site.path());
    site
}

fn age(path: &Path) {
    // Sun, 06 Nov 1994 08:49:37 GMT
    const THEN: Duration = Duration::from_secs(784_111_777);
    for entry in fs::read_dir(path).expect("a directory").flatten() {
        let kind = entry.file_type().expect("the kernel tells");
        if kind.is_dir() {
            age(&entry.path());
        } else if kind.is_file() {
            let file = File::options().write(true).open(entry.path()).expect("a file");
            file.set_modified(SystemTime::UNIX_EPOCH + THEN).expect("its time is set");
        }
    }
}

const FILES: &[(&str, &[u8])] = &[
    ("outside.txt", b"outside\n"),
    ("root/f.txt", b"a text\n"),
    ("root/none.txt", b""),
    ("root/noext", b"x"),
    ("root/sp ace.txt", b"space\n"),
    ("root/q?x.txt", b"question\n"),
    ("root/h#x.txt", b"hash\n"),
    ("root/100%.txt", b"percent\n"),
    ("root/\u{e4}.txt", b"umlaut\n"),
    ("root/a.html", b"<p>a"),
    ("root/A.HTML", b"<p>A"),
    ("root/a.css", b"a {}"),
    ("root/a.js", b"1"),
    ("root/a.json", b"{}"),
    ("root/a.xml", b"<a/>"),
    ("root/a.svg", b"<svg/>"),
    ("root/a.png", b"png"),
    ("root/a.jpg", b"jpg"),
    ("root/a.pdf", b"pdf"),
    ("root/a.gz", b"gz"),
    ("root/a.tar.gz", b"tgz"),
    ("root/a.Z", b"Z"),
    ("root/a.bz2", b"bz2"),
    ("root/a.xz", b"xz"),
    ("root/a.py", b"py"),
    ("root/a.c", b"c"),
    ("root/a.md", b"md"),
    ("root/a.unheardof", b"?"),
    ("root/.hidden", b"hidden\n"),
    ("root/.well-known/it", b"known\n"),
    ("root/idx/index.html", b"<p>index"),
    ("root/htm/index.htm", b"<p>htm"),
    ("root/both/index.html", b"<p>html"),
    ("root/both/index.htm", b"<p>htm"),
    ("root/sub/a.txt", b"in sub\n"),
    ("root/sub/deep/b.txt", b"deep\n"),
    ("root/names/B.txt", b""),
    ("root/names/a.txt", b""),
    ("root/names/<test&>.txt", b""),
    ("root/names/quo\"te", b""),
    ("root/names/it's", b""),
    ("root/names/\u{c4}.txt", b""),
    ("root/names/x y", b""),
    ("root/names/q?h#p%", b""),
    ("root/names/co:lon", b""),
    ("root/marks/sub/x", b""),
    ("root/dots/.secret", b""),
    ("root/dots/shown", b""),
    ("root/bytes/b.txt", b""),
];
