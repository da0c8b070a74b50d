//! Ways out of the root: no spelling and no link leads there.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::Duration;

use super::{OUTSIDE, server, world};
use crate::client::{get, latin1, show};
use crate::harness::wait_for;

/// Attack 16: every spelling of a way out that is known. None leaks; each is refused or stays inside.
#[test]
fn no_spelling_leads_out() {
    let world = world();
    let mut server = server(&world);
    let ups = [
        "..",
        "%2e%2e",
        "%2E%2E",
        ".%2e",
        "%2e.",
        "%252e%252e",
        "%25%32%65%25%32%65",
        "..%00",
        "%00..",
        "..;",
        "..;x=y",
        "..%3b",
        "%u002e%u002e",
        "%c0%ae%c0%ae",
        "%e0%80%ae%e0%80%ae",
        "%f0%80%80%ae%f0%80%80%ae",
        "%c0%2e%c0%2e",
        "..%20",
        "..%09",
        "..%0a",
        "...",
        "....",
        ".%00.",
        "%ef%bc%8e%ef%bc%8e",
        "\u{c0}\u{ae}\u{c0}\u{ae}",
        "..%c0%80",
        "%2e%2e%00",
        ".\\.",
        "..%5c..",
        "..\\..",
        "..%255c..",
        "..%2f..",
        "..%252f..",
    ];
    let slashes = [
        "/",
        "//",
        "/./",
        "%2f",
        "%2F",
        "%252f",
        "\\",
        "%5c",
        "%c0%af",
        "%e0%80%af",
        "/%2e/",
        ";/",
        "%00/",
        "%u2215",
        "\u{c0}\u{af}",
    ];
    let mut count = 0;
    for up in ups {
        for slash in slashes {
            for start in ["/", "//", "/d/", "/d%2f", "/\\", "", "/./", "http://x/"] {
                let targets = [1, 2, 4].map(|times| format!("{start}{}secret", format!("{up}{slash}").repeat(times)));
                let asked: Vec<u8> = targets
                    .iter()
                    .flat_map(|target| latin1(&format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n")))
                    .collect();
                let (answer, _) = server.client().send(&asked).half_close().read_to_end();
                check_nothing_leaks(&targets[0], &answer);
                count += targets.len();
            }
        }
    }
    for target in [
        "/../root-beside/secret",
        "/..%2froot-beside%2fsecret",
        "/-beside/secret",
        "/../../../../../../etc/passwd",
        "/etc/passwd",
        "//etc/passwd",
    ] {
        let (answer, _) = server.client().send(&get(target)).half_close().read_to_end();
        check_nothing_leaks(target, &answer);
        assert!(answer.starts_with(b"HTTP/1.1 4"), "{target}: {}", show(&answer));
    }
    server.assert_serves();
    println!("{count} spellings stay inside");
}

fn check_nothing_leaks(target: &str, answer: &[u8]) {
    let text = String::from_utf8_lossy(answer);
    assert!(!text.contains(OUTSIDE) && !text.contains("root:x:0"), "{target:?} leads out");
    assert!(!text.contains("HTTP/1.1 5"), "{target:?}: {}", show(answer));
    assert!(
        text.is_empty() || text.starts_with("HTTP/1.1 ") || !text.contains("root-beside"),
        "{target:?}: {}",
        show(answer)
    );
}

/// A link inside that names its place from `/` on: either way is right, what is inside is no secret (decision 12).
#[test]
fn an_absolute_link_never_leads_out() {
    let world = world();
    let answer = server(&world).client().ask(&get("/inside-absolute"));
    assert!(answer.status == 404 || answer.body == b"a", "{answer:?}");
}

/// Attack 18: a link that changes its mind while it is opened, for a second.
#[test]
fn a_link_that_moves_never_leads_out() {
    let world = world();
    let root = world.path().join("root");
    let server = server(&world);
    let stop = std::sync::atomic::AtomicBool::new(false);
    let (mut inside, mut refused) = (0, 0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0.. {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    return;
                }
                let to = if round % 2 == 0 { "d" } else { ".." };
                let next = root.join("next");
                symlink(to, &next).expect("a link");
                fs::rename(&next, root.join("moving")).expect("a link");
            }
        });
        wait_for("the link", Duration::from_secs(5), || root.join("moving").is_symlink());
        let mut client = server.client();
        let start = std::time::Instant::now();
        while start.elapsed() < Duration::from_secs(1) {
            for target in ["/moving/b.txt", "/moving/secret"] {
                let answer = client.ask(&get(target));
                assert!(!answer.body.starts_with(OUTSIDE.as_bytes()), "{target} leads out");
                assert!(matches!(answer.status, 200 | 404), "{target}: {}", answer.status);
                if answer.status == 200 { inside += 1 } else { refused += 1 }
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    println!("{inside} answers from inside, {refused} refusals, none from outside");
}
