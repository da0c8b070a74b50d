//! Whole trees, fetched over keep-alive by Python's own client and compared with the disk byte for byte.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use crate::client::get;
use crate::harness::{Server, has, pattern, run};

/// Reads paths from standard input; one connection for all of them. Prints how many files and bytes were equal.
const FETCH: &str = r#"
import http.client, os, sys, urllib.parse
port, root = int(sys.argv[1]), os.fsencode(sys.argv[2])
connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
connection.connect()
first, count, size = connection.sock, 0, 0
for line in sys.stdin.buffer:
    path = line.rstrip(b"\n")
    connection.request("GET", "/" + urllib.parse.quote(path))
    answer = connection.getresponse()
    body = answer.read()
    with open(os.path.join(root, path), "rb") as file:
        if answer.status != 200 or body != file.read():
            sys.exit("%r: status %d, %d bytes" % (path, answer.status, len(body)))
    if connection.sock is not first:
        sys.exit("%r: the connection was closed" % path)
    count, size = count + 1, size + len(body)
print(count, size)
"#;

/// Clients at the same time.
const CLIENTS: usize = 2;

/// The toolchain's own HTML documentation: every one of its tens of thousands of files.
#[test]
fn the_documentation_of_the_toolchain() {
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"])).stdout;
    let root = PathBuf::from(String::from_utf8_lossy(&sysroot).trim()).join("share/doc/rust/html");
    if !root.is_dir() {
        return println!("note: the toolchain has no documentation; the made tree alone is compared");
    }
    compare(&root, &files_below(&root));
}

/// Sizes around every boundary: segments, send slots, cached files, transfer buffers; names of every kind.
#[test]
fn a_made_tree() {
    let root = TempDir::new().expect("a temporary directory");
    let mut asked = Vec::new();
    let mut write = |name: PathBuf, len: usize| {
        let path = root.path().join(&name);
        fs::create_dir_all(path.parent().expect("below the root")).expect("a directory");
        fs::write(path, pattern(len)).expect("a file");
        asked.push(name);
    };
    let around = |len: usize| [len - 1, len, len + 1];
    let edges =
        [1, 1460, 4096, 8192, 16 << 10, 17 << 10, 32 << 10, 40 << 10, 64 << 10, 128 << 10, 256 << 10, 1 << 20, 3 << 20];
    for len in edges.into_iter().flat_map(around).chain(16_000..16_400) {
        write(PathBuf::from(format!("sizes/{len}")), len);
    }
    for name in [
        "a b",
        "a+b",
        "a%b",
        "a&b",
        "a?b",
        "a#b",
        "\u{e4}\u{2603}",
        "a;b=c",
        "a:b",
        "~a",
        "a'b\"c",
        "a\\b",
        "index.html",
        "a.tar.gz",
        "(a)",
        "{a}",
    ] {
        write(PathBuf::from(format!("names/{name}")), 100);
        write(PathBuf::from(format!("names/{name}.d/{name}")), 100_000);
    }
    write(PathBuf::from("deep/".repeat(60)).join("file"), 10);
    asked.push("sizes/1".into());
    compare(root.path(), &asked);
}

/// Asks for every file, from several clients that share the work.
fn compare(root: &Path, asked: &[PathBuf]) {
    let server = Server::serve(root);
    if !has("python3") {
        let mut client = server.client();
        let plain = asked
            .iter()
            .filter_map(|path| path.to_str())
            .filter(|path| path.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/._-".contains(&byte)));
        return plain.for_each(|path| {
            let answer = client.ask(&get(&format!("/{path}")));
            assert!(answer.status == 200 && answer.body == fs::read(root.join(path)).expect("a file"), "{path}");
        });
    }
    let shares: Vec<_> = asked.chunks(asked.len().div_ceil(CLIENTS)).collect();
    let clients: Vec<_> = shares.into_iter().map(|share| start_client(&server, root, share)).collect();
    let (mut count, mut bytes) = (0, 0);
    for client in clients {
        let output = client.join().expect("no panic");
        let said = String::from_utf8_lossy(&output.stdout);
        let mut numbers = said.split_whitespace().filter_map(|number| number.parse::<u64>().ok());
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        count += numbers.next().unwrap_or(0);
        bytes += numbers.next().unwrap_or(0);
    }
    assert_eq!(count, asked.len() as u64);
    println!("{count} files, {bytes} bytes, fetched by Python over {CLIENTS} connections, equal the disk");
}

fn start_client(server: &Server, root: &Path, share: &[PathBuf]) -> std::thread::JoinHandle<std::process::Output> {
    let mut client = Command::new("python3")
        .args(["-c", FETCH, &server.address().port().to_string()])
        .arg(root)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut input = client.stdin.take().expect("it is piped");
    let lines: Vec<u8> = share.iter().flat_map(|path| [path.as_os_str().as_encoded_bytes(), b"\n"].concat()).collect();
    std::thread::spawn(move || {
        // A client that failed reads no further; its status tells.
        let _ = input.write_all(&lines);
        drop(input);
        client.wait_with_output().expect("a child")
    })
}

/// Every regular file below a directory that a server would show, as paths relative to it, in order.
fn files_below(root: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(root.join(&directory)).expect("a directory").flatten() {
            let path = directory.join(entry.file_name());
            let hidden = entry.file_name().as_encoded_bytes().starts_with(b".");
            let kind = entry.file_type().expect("the kernel tells it");
            if kind.is_dir() && !hidden {
                directories.push(path);
            } else if kind.is_file() && !hidden {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}
