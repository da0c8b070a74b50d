//! From targets to files: what must never be served, and where redirects lead.

mod escapes;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use tempfile::TempDir;

use crate::client::{End, get, latin1, request, show};
use crate::harness::{Server, has, run};

/// What stands outside the root. No answer may hold it.
const OUTSIDE: &str = "this stands outside the root";

/// A root with everything in it that a peer may ask for, and a secret beside it.
fn world() -> TempDir {
    let world = TempDir::new().expect("a temporary directory");
    let root = world.path().join("root");
    let write = |path: &str, text: &str| {
        let path = world.path().join(path);
        fs::create_dir_all(path.parent().expect("in the world")).expect("a directory");
        fs::write(path, text).expect("a file");
    };
    write("secret", OUTSIDE);
    write("root-beside/secret", OUTSIDE);
    write("root/index.html", "home");
    write("root/a.txt", "a");
    write("root/d/b.txt", "b");
    write("root/i/index.html", "index of i");
    write("root/m/index.htm", "index of m");
    write("root/n/index.html/x", "x");
    write("root/name with space.txt", "space");
    write("root/per%cent.txt", "per cent");
    write("root/que?stion.txt", "question");
    write("root/back\\slash.txt", "backslash");
    write("root/\u{e4}.txt", "umlaut");
    write("root/<b>&\"'.txt", "markup");
    write("root/new\nline.txt", "line");
    write("root/.hidden", "hidden");
    write("root/.git/config", "hidden");
    write("root/d/.hidden/x", "hidden");
    write("root/.well-known/acme", "known");
    write("root/.well-known/.hidden", "hidden");
    write("root/d/.well-known/x", "not at the root");
    write("root/..double", "hidden");
    let link = |to: &str, from: &str| symlink(to, root.join(from)).expect("a link");
    link("a.txt", "inside");
    link("d", "inside-directory");
    link("d/../a.txt", "inside-roundabout");
    link("../secret", "outside");
    link("..", "outside-directory");
    link("/etc/passwd", "outside-absolute");
    link("/", "outside-root");
    link("/proc/self/environ", "magic");
    link("/dev/zero", "zero");
    link("loop", "loop");
    link("nothing", "dangling");
    let absolute = root.join("a.txt");
    symlink(absolute, root.join("inside-absolute")).expect("a link");
    world
}

fn server(world: &TempDir) -> Server {
    Server::serve(&world.path().join("root"))
}

/// What a target leads to: status, and the body of a 200 or the Location of a 301.
#[test]
fn targets() {
    let world = world();
    let server = server(&world);
    for (target, status, rest) in [
        ("/", 200, "home"),
        ("/index.html", 200, "home"),
        ("/a.txt", 200, "a"),
        ("/a.txt?query", 200, "a"),
        ("/a.txt?../../secret", 200, "a"),
        ("/%61.txt", 200, "a"),
        ("/./a.txt", 200, "a"),
        ("//a.txt", 200, "a"),
        ("/d/../a.txt", 200, "a"),
        ("/d/%2e%2e/a.txt", 200, "a"),
        ("/none/../a.txt", 200, "a"),
        ("/d/b.txt", 200, "b"),
        ("/d//b.txt", 200, "b"),
        ("/i/", 200, "index of i"),
        ("/m/", 200, "index of m"),
        ("/i", 301, "/i/"),
        ("/i?a=b&c", 301, "/i/?a=b&c"),
        ("/name%20with%20space.txt", 200, "space"),
        ("/name+with+space.txt", 404, ""),
        ("/per%25cent.txt", 200, "per cent"),
        ("/que%3Fstion.txt", 200, "question"),
        ("/back%5Cslash.txt", 200, "backslash"),
        ("/%C3%A4.txt", 200, "umlaut"),
        ("/%3Cb%3E%26%22%27.txt", 200, "markup"),
        ("/new%0Aline.txt", 200, "line"),
        ("/a.txt/", 404, ""),
        ("/a.txt/.", 404, ""),
        ("/a.txt/x", 404, ""),
        ("/a.txt%20", 404, ""),
        ("/a.txt.", 404, ""),
        ("/A.TXT", 404, ""),
        ("/a.txt;x=y", 404, ""),
        ("/d%2fb.txt", 404, ""),
        ("/d%2Fb.txt", 404, ""),
        ("/d\\b.txt", 404, ""),
        ("/d%5cb.txt", 404, ""),
        ("/none", 404, ""),
        ("/none/", 404, ""),
        ("/a.txt%00", 400, ""),
        ("/%00", 400, ""),
        ("/a.txt%00.jpg", 400, ""),
        ("/a%", 400, ""),
        ("/a%2", 400, ""),
        ("/a%zz", 400, ""),
        ("/%", 400, ""),
        ("/..", 400, ""),
        ("/d/../..", 400, ""),
        ("/../a.txt", 400, ""),
        // Links.
        ("/inside", 200, "a"),
        ("/inside-directory/b.txt", 200, "b"),
        ("/inside-directory", 301, "/inside-directory/"),
        ("/inside-roundabout", 200, "a"),
        ("/outside", 404, ""),
        ("/outside-directory", 404, ""),
        ("/outside-directory/secret", 404, ""),
        ("/outside-absolute", 404, ""),
        ("/outside-root/etc/passwd", 404, ""),
        ("/magic", 404, ""),
        ("/zero", 404, ""),
        ("/loop", 404, ""),
        ("/loop/x", 404, ""),
        ("/dangling", 404, ""),
        // Names that begin with a dot.
        ("/.hidden", 404, ""),
        ("/%2ehidden", 404, ""),
        ("/.git/config", 404, ""),
        ("/.git", 404, ""),
        ("/.git/", 404, ""),
        ("/d/.hidden/x", 404, ""),
        ("/..double", 404, ""),
        ("/.well-known/acme", 200, "known"),
        ("/%2ewell-known/acme", 200, "known"),
        ("/.well-known", 301, "/.well-known/"),
        ("/.well-known/.hidden", 404, ""),
        ("/.well-known/../.hidden", 404, ""),
        ("/.well-knownx", 404, ""),
    ] {
        let answer = server.client().ask(&get(target));
        let said =
            if answer.status == 301 { answer.field("Location").unwrap_or_default().as_bytes() } else { &answer.body };
        assert_eq!(answer.status, status, "{target}: {}", show(said));
        assert!(status >= 400 || said == rest.as_bytes(), "{target}: {}", show(said));
    }
}

/// Attack 19 and the rows of section 4.2: what is no regular file is not there, at once.
#[test]
fn what_is_no_file_is_not_there() {
    let world = world();
    let root = world.path().join("root");
    let _socket = UnixListener::bind(root.join("socket")).expect("a socket");
    let mut targets = vec!["/socket", "/zero"];
    if has("mkfifo") {
        run(Command::new("mkfifo").arg(root.join("fifo")));
        targets.push("/fifo");
    }
    if Command::new("mknod")
        .arg(root.join("device"))
        .args(["c", "1", "5"])
        .status()
        .is_ok_and(|status| status.success())
    {
        targets.push("/device");
    } else {
        println!("note: no permission to make a device");
    }
    let mut server = server(&world);
    for target in targets {
        for method in ["GET", "HEAD"] {
            let mut client = server.client();
            let answer = client.patience(Duration::from_secs(5)).ask(&request(method, target, ""));
            assert_eq!(answer.status, 404, "{target}");
        }
    }
    server.assert_serves();
}

/// A file that may not be read is not there. Root may read everything.
#[test]
fn a_forbidden_file_is_not_there() {
    use std::os::unix::fs::PermissionsExt;
    let world = world();
    let path = world.path().join("root/a.txt");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o0)).expect("our own file");
    if fs::File::open(&path).is_ok() {
        return println!("note: this user may read everything");
    }
    assert_eq!(server(&world).client().ask(&get("/a.txt")).status, 404);
}

/// Names and paths longer than any file system takes (section 4.2: 500 in one server, 403 in another).
#[test]
fn names_that_are_too_long() {
    let world = world();
    let server = server(&world);
    let mut client = server.client();
    for target in [
        format!("/{}", "a".repeat(255)),
        format!("/{}", "a".repeat(256)),
        format!("/{}", "a".repeat(5000)),
        format!("/{}", "%41".repeat(3000)),
        format!("/{}", "a/".repeat(3000)),
        format!("/{}a.txt", "d/../".repeat(3000)),
        format!("/{}a.txt", "./".repeat(8000)),
        format!("/{}", "x/".repeat(2046)),
    ] {
        let answer = client.ask(&get(&target));
        let normal_is_short = target.ends_with("a.txt");
        let fits = if normal_is_short { answer.status == 200 } else { matches!(answer.status, 404 | 414) };
        assert!(fits, "{}: {}", show(target.as_bytes()), answer.status);
    }
}

/// Attacks 12 and 13: a redirect stays on this host, and nothing of the target gets out of its line.
#[test]
fn redirects_stay_here() {
    let world = world();
    for path in ["evil.com", "evil.com/x", "%0d%0aSet-Cookie:a=b", "a b"] {
        let decoded = path.replace("%0d", "\r").replace("%0a", "\n");
        fs::create_dir_all(world.path().join("root").join(decoded)).expect("a directory");
    }
    fs::create_dir_all(world.path().join("root/\\evil.com")).expect("a directory");
    let server = server(&world);
    for target in [
        "//evil.com",
        "///evil.com",
        "//evil.com/x",
        "/\\evil.com",
        "\\\\evil.com",
        "/%5cevil.com",
        "//\\evil.com",
        "/.//evil.com",
        "/d/..//evil.com",
        "/./evil.com",
        "//evil.com%2f..",
        "//evil.com/%2e%2e/evil.com",
        "/%0d%0aSet-Cookie:a=b",
        "/%0D%0aSet-Cookie:a=b?x=%0d%0aY:z",
        "http://evil.com/d",
        "http://evil.com//evil.com",
        "/%2fevil.com",
        "/%2f%2fevil.com",
        "//d",
        "/d?//evil.com",
        "/d?\r",
        "/a%20b",
        "http://x/?/../d",
        "/;@evil.com",
        "/d?http://evil.com",
        "//d?x=/\\evil.com",
    ] {
        let asked = latin1(&format!("GET {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
        let (bytes, end) = server.client().send(&asked).read_to_end();
        assert_eq!(end, End::Fin, "{target:?}");
        let head = String::from_utf8_lossy(&bytes).split("\r\n\r\n").next().unwrap_or_default().to_owned();
        assert!(!head.to_ascii_lowercase().contains("\nset-cookie"), "{target:?}: {head}");
        let Some(location) = head.lines().find_map(|line| line.strip_prefix("Location: ")) else { continue };
        let path = location.split('?').next().unwrap_or_default();
        assert!(
            path.starts_with('/') && !path.starts_with("//") && !path.contains('\\'),
            "{target:?} leads to {location:?}"
        );
        assert!(location.bytes().all(|byte| (0x21..0x7f).contains(&byte)), "{target:?} leads to {location:?}");
        // Where it leads is a directory of ours: the redirect does not go on for ever.
        let next = server.client().ask(&get(location));
        assert_eq!(next.status, 200, "{target:?} leads to {location:?}");
    }
}

/// Attack 15 and row F20: a listing shows names as text, hides what is hidden, and its links work.
#[test]
fn a_listing_names_what_is_served() {
    let world = world();
    fs::remove_file(world.path().join("root/index.html")).expect("it is there");
    let server = server(&world);
    let mut client = server.client();
    let answer = client.ask(&get("/"));
    let page = String::from_utf8(answer.body.clone()).expect("UTF-8");
    assert_eq!(answer.status, 200);
    assert!(answer.field("Content-Type").is_some_and(|value| value.contains("text/html") && value.contains("utf-8")));
    assert!(
        !page.contains("<b>") && !page.contains(".hidden") && !page.contains(".git") && !page.contains("..double"),
        "{page}"
    );
    let links: Vec<&str> =
        page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect();
    assert!(links.len() >= 12, "{page}");
    for link in links {
        let target = format!("/{}", link.trim_start_matches("./").trim_start_matches('/'));
        let status = client.ask(&get(&target)).status;
        let broken =
            ["outside", "magic", "zero", "loop", "dangling", "inside-absolute"].iter().any(|name| link.contains(name));
        assert!(status == 200 || (broken && status == 404), "{link} is {status}");
    }
    let under_n = client.ask(&get("/n/"));
    assert_eq!(under_n.status, 200, "row F10: a directory called index.html is none");
}
