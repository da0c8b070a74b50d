//! Exchanges from target to answer, against a simulated file system.

mod driver;

use slipring_ring::Wall;
use slipring_ring::sim::{Content, FaultPlan, Outside, SimConfig, Special};

use driver::Driver;

/// A site whose files are old enough to be trusted.
fn site() -> Driver {
    let mut driver = Driver::new();
    put_site(&driver.outside);
    driver.sleep(3_000);
    driver
}

fn put_site(outside: &Outside) {
    outside.put_file("/srv/a.txt", &b"hello"[..]);
    outside.put_file("/srv/empty", &b""[..]);
    outside.put_file("/srv/with space+.html", &b"<p>"[..]);
    outside.put_file("/srv/indexed/index.html", &b"index"[..]);
    outside.put_file("/srv/old/index.htm", &b"old index"[..]);
    outside.make_directory("/srv/odd/index.html");
    outside.put_file("/srv/odd/x", &b"x"[..]);
    outside.put_file("/srv/closed/index.html", &b"secret"[..]);
    outside.set_readable("/srv/closed/index.html", false);
    outside.put_file("/srv/.git/config", &b"secret"[..]);
    outside.put_file("/srv/.well-known/x", &b"known"[..]);
    outside.put_file("/srv/large", Content::Generated { seed: 1, len: 300_000 });
    outside.put_file("/srv/huge", Content::Generated { seed: 2, len: 5 << 30 });
    outside.put_file("/etc/passwd", &b"secret"[..]);
    outside.put_link("/srv/inside", "a.txt");
    outside.put_link("/srv/outside", "/etc/passwd");
    outside.put_link("/srv/up", "../etc/passwd");
    outside.put_link("/srv/loop", "loop");
    outside.put_link("/srv/gone", "nothing");
    outside.put_special("/srv/fifo", Special::Fifo);
    outside.put_special("/srv/socket", Special::Socket);
    outside.put_special("/srv/device", Special::Device);
}

#[test]
fn targets() {
    let mut driver = site();
    for (target, status, what) in [
        ("/a.txt", 200, "hello"),
        ("/a.txt?query", 200, "hello"),
        ("/%61.txt", 200, "hello"),
        ("//a.txt", 200, "hello"),
        ("/./indexed/../a.txt", 200, "hello"),
        ("http://other.example/a.txt", 200, "hello"),
        ("/with%20space+.html", 200, "<p>"),
        ("/empty", 200, ""),
        ("/indexed/", 200, "index"),
        ("/indexed/?x", 200, "index"),
        ("/indexed/.", 200, "index"),
        ("/old/", 200, "old index"),
        ("/inside", 200, "hello"),
        ("/.well-known/x", 200, "known"),
        ("/odd/", 200, "index.html/"),
        ("/", 200, "Directory listing for /<"),
        ("http://other.example", 200, "Directory listing for /<"),
        ("/a.txt/", 404, "File not found"),
        ("/a.txt/x", 404, "File not found"),
        ("/nothing", 404, "File not found"),
        ("/nothing/", 404, "File not found"),
        ("/gone", 404, "File not found"),
        ("/outside", 404, "File not found"),
        ("/up", 404, "File not found"),
        ("/loop", 404, "File not found"),
        ("/fifo", 404, "File not found"),
        ("/socket", 404, "File not found"),
        ("/device", 404, "File not found"),
        ("/closed/index.html", 404, "File not found"),
        ("/closed/", 404, "File not found"),
        ("/.git/config", 404, "File not found"),
        ("/%2egit/config", 404, "File not found"),
        ("/.well-known/.x", 404, "File not found"),
        ("/indexed%2findex.html", 404, "File not found"),
        ("/..%2fetc/passwd", 404, "File not found"),
        ("/..%5c..%5cetc%5cpasswd", 404, "File not found"),
        ("/%252e%252e/etc/passwd", 404, "File not found"),
        ("/../etc/passwd", 400, "Bad Request"),
        ("/%2e%2e/etc/passwd", 400, "Bad Request"),
        ("/a.txt%00", 400, "Bad Request"),
        ("/a.txt%00.jpg", 400, "Bad Request"),
        ("/%", 400, "Bad Request"),
    ] {
        let response = driver.get(target);
        let body = String::from_utf8_lossy(&response.body);
        assert!(response.status() == status && body.contains(what), "{target}: {} {body}", response.head);
        assert!(!body.contains("secret"), "{target}");
        assert_eq!(response.field("Content-Length"), Some(response.body.len().to_string().as_str()), "{target}");
        let head = driver.request(&format!("HEAD {target} HTTP/1.1\r\nHost: x\r\n\r\n"));
        assert_eq!((head.head, head.body), (response.head, Vec::new()), "HEAD {target}");
    }
    let long = driver.get(&format!("/{}", "%41".repeat(3000)));
    assert_eq!(long.status(), 404);
}

#[test]
fn directories_redirect_to_their_slash() {
    let mut driver = site();
    for (target, location) in [
        ("/indexed", "/indexed/"),
        ("/indexed?hi=1", "/indexed/?hi=1"),
        ("//indexed", "/indexed/"),
        ("///indexed?//x", "/indexed/?//x"),
        ("/x/..//indexed", "/indexed/"),
        ("http://other.example/indexed?a", "/indexed/?a"),
    ] {
        let response = driver.get(target);
        assert_eq!((response.status(), response.field("Location")), (301, Some(location)), "{target}");
        assert_eq!((response.field("Content-Length"), response.body.len()), (Some("0"), 0));
    }
}

#[test]
fn fields_stand_in_pythons_order() {
    let mut driver = site();
    let order = ["Server", "Date", "Content-Type", "Content-Length", "Last-Modified", "Accept-Ranges"];
    for target in ["/a.txt", "/a.txt", "/large"] {
        assert_eq!(driver.get(target).names(), order, "{target}");
    }
    assert_eq!(driver.get("/a.txt").field("Content-Type"), Some("text/plain; charset=utf-8"));
    assert_eq!(driver.get("/old/").field("Content-Type"), Some("text/html; charset=utf-8"));
}

#[test]
fn large_files_stream_and_small_ones_are_kept() {
    let mut driver = site();
    let large: Vec<u8> = (0..300_000).map(|at| Content::byte_at(1, at)).collect();
    assert!(driver.get("/large").body == large);
    assert_eq!(driver.asks.len(), 1, "an open alone");
    driver.get("/a.txt");
    assert_eq!(driver.asks.len(), 2, "an open and one read");
    driver.get("/a.txt");
    assert_eq!(driver.asks.len(), 0, "from the cache");
    driver.sleep(1_001);
    driver.get("/a.txt");
    assert_eq!(driver.asks.len(), 1, "looked at again");
    assert_eq!(driver.get("/empty").body, b"");
}

#[test]
fn ranges() {
    let mut driver = site();
    for target in ["/a.txt", "/a.txt"] {
        for (range, status, said, body) in [
            ("bytes=1-3", 206, Some("bytes 1-3/5"), "ell"),
            ("bytes=3-", 206, Some("bytes 3-4/5"), "lo"),
            ("bytes=-2", 206, Some("bytes 3-4/5"), "lo"),
            ("bytes=0-99999999999999999999", 206, Some("bytes 0-4/5"), "hello"),
            ("bytes=5-0-", 200, None, "hello"),
            ("bytes=0-0,2-3", 200, None, "hello"),
            ("foo=0-1", 200, None, "hello"),
        ] {
            let response = driver.get_with(target, &format!("Range: {range}"));
            assert_eq!((response.status(), response.field("Content-Range")), (status, said), "{range}");
            assert_eq!(response.body, body.as_bytes(), "{range}");
        }
        let response = driver.get_with(target, "Range: bytes=5-");
        assert_eq!((response.status(), response.field("Content-Range")), (416, Some("bytes */5")));
    }
    let last = driver.get_with("/huge", "Range: bytes=-1");
    assert_eq!(last.field("Content-Range"), Some("bytes 5368709119-5368709119/5368709120"));
    assert_eq!(last.body, [Content::byte_at(2, (5 << 30) - 1)]);
    assert_eq!(driver.get("/huge").field("Content-Length"), Some("5368709120"));
    let head = driver.request("HEAD /a.txt HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\n\r\n");
    assert_eq!((head.status(), head.field("Content-Length")), (200, Some("5")));
    let many = format!("Range: bytes={}0-", "0-,".repeat(1299));
    assert_eq!(driver.get_with("/large", &many).status(), 200);
}

#[test]
fn conditions() {
    let mut driver = site();
    for target in ["/a.txt", "/a.txt", "/large"] {
        let modified = driver.get(target).field("Last-Modified").expect("a date").to_owned();
        let same = driver.get_with(target, &format!("If-Modified-Since: {modified}"));
        assert_eq!((same.status(), same.body.len()), (304, 0));
        assert_eq!(same.names(), ["Server", "Date", "Last-Modified"]);
        let part = driver.get_with(target, &format!("Range: bytes=0-0\r\nIf-Range: {modified}"));
        assert_eq!(part.status(), 206);
        let whole = driver.get_with(target, "Range: bytes=0-0\r\nIf-Range: \"tag\"");
        assert_eq!(whole.status(), 200);
        assert_eq!(driver.get_with(target, "If-Match: \"tag\"").status(), 412);
        let both = format!("If-None-Match: \"tag\"\r\nIf-Modified-Since: {modified}");
        assert_eq!(driver.get_with(target, &both).status(), 200);
    }
}

#[test]
fn a_change_is_seen_within_a_second() {
    let mut driver = site();
    assert_eq!(driver.get("/a.txt").body, b"hello");
    driver.outside.put_file("/srv/a.txt", &b"other"[..]);
    driver.sleep(1_001);
    assert_eq!(driver.get("/a.txt").body, b"other");
    driver.outside.remove("/srv/a.txt");
    driver.sleep(1_001);
    assert_eq!(driver.get("/a.txt").status(), 404);
    driver.outside.make_directory("/srv/a.txt");
    assert_eq!(driver.get("/a.txt").status(), 301);
}

#[test]
fn a_young_file_is_served_but_not_trusted() {
    let mut driver = site();
    for content in [&b"one"[..], b"two", b"six"] {
        // Of one size, and within one granule of the file system's clock: nothing tells one from the other.
        driver.outside.overwrite("/srv/a.txt", content);
        assert_eq!(driver.get("/a.txt").body, content);
    }
    driver.sleep(3_000);
    driver.get("/a.txt");
    driver.get("/a.txt");
    assert!(driver.asks.is_empty(), "it has settled");
}

#[test]
fn last_modified_is_never_later_than_date() {
    let mut driver = site();
    let Wall { secs, nanos } = driver.outside.wall();
    driver.outside.set_modified("/srv/a.txt", Wall { secs: secs + 86_400, nanos });
    let response = driver.get("/a.txt");
    assert_eq!(response.field("Last-Modified"), response.field("Date"));
}

#[test]
fn a_file_that_changes_while_it_is_read_is_read_again_or_streamed() {
    let mut driver = site();
    driver.before_read = Some(|outside| outside.overwrite("/srv/a.txt", &b"changed, and longer"[..]));
    assert_eq!(driver.get("/a.txt").body, b"changed, and longer");
    driver.before_read = Some(|outside| {
        let longer = outside.stat("/srv/a.txt").size + 1;
        outside.resize("/srv/a.txt", longer);
    });
    let response = driver.get("/a.txt");
    assert_eq!(response.status(), 200);
    assert!(driver.asks.len() <= 3, "an open and two tries: {:?}", driver.asks);
    driver.before_read = Some(|outside| outside.resize("/srv/a.txt", 0));
    assert_eq!(driver.get("/a.txt").body, b"");
    driver.before_read = Some(|outside| outside.resize("/srv/a.txt", 1 << 20));
    assert_eq!(driver.get("/a.txt").field("Content-Length"), Some("1048576"), "too large to keep by now");
}

#[test]
fn what_the_kernel_refuses() {
    let mut driver = site();
    driver.get("/closed/index.html");
    assert!(driver.messages.contains("permission denied: /closed/index.html"), "{}", driver.messages);
    let plan = |change: fn(&mut FaultPlan)| {
        let mut plan = FaultPlan::none();
        change(&mut plan);
        plan
    };
    driver.outside.set_plan(plan(|plan| plan.read_error = 1_000_000));
    assert_eq!(driver.get("/a.txt").status(), 500);
    driver.outside.set_plan(plan(|plan| plan.list_error = 1_000_000));
    assert!(driver.get("/odd/").status() >= 404);
    driver.outside.set_plan(plan(|plan| plan.open_error = 1_000_000));
    assert!(driver.get("/a.txt").status() >= 404);
    driver.outside.stop_faults();
    assert_eq!(driver.get("/a.txt").status(), 200);

    let mut driver = Driver::with(SimConfig { descriptors_max: 0, ..SimConfig::new(1) }, |_| {});
    driver.outside.put_file("/srv/a.txt", &b"hello"[..]);
    for target in ["/a.txt", "/"] {
        let response = driver.get(target);
        assert_eq!((response.status(), response.field("Retry-After")), (503, Some("1")), "{target}");
    }
}

#[test]
fn options() {
    let mut driver = Driver::with(SimConfig::new(1), |options| {
        options.listing = false;
        options.dotfiles = true;
        options.cache_bytes_max = 0;
        options.index = vec!["start.txt".into()];
    });
    put_site(&driver.outside);
    driver.outside.put_file("/srv/start.txt", &b"start"[..]);
    driver.sleep(3_000);
    assert_eq!(driver.get("/odd/").status(), 404);
    assert_eq!(driver.get("/.git/config").body, b"secret");
    for _ in 0..2 {
        let start = driver.get("/");
        assert_eq!(
            (start.body.as_slice(), start.field("Content-Type")),
            (&b"start"[..], Some("text/plain; charset=utf-8"))
        );
        assert!(!driver.asks.is_empty(), "nothing is kept");
    }
}

#[test]
fn short_reads_and_delays_change_no_byte() {
    // Several reads to fill, and sent from where it stands.
    const LEN: u64 = 100_000;
    for seed in 0..50 {
        let mut driver = Driver::with(SimConfig::new(seed), |_| {});
        put_site(&driver.outside);
        driver.outside.put_file("/srv/middling", Content::Generated { seed, len: LEN });
        driver.sleep(3_000);
        let plan = FaultPlan { short_read: 700_000, delay: 300_000, delay_ns_max: 1_000_000, ..FaultPlan::none() };
        driver.outside.set_plan(plan);
        let whole: Vec<u8> = (0..LEN).map(|at| Content::byte_at(seed, at)).collect();
        for _ in 0..2 {
            assert!(driver.get("/middling").body == whole, "seed {seed}");
        }
        assert!(driver.asks.is_empty(), "kept");
    }
}

#[test]
fn a_large_listing_is_not_copied() {
    let mut driver = site();
    for number in 0..2_000 {
        driver.outside.put_file(format!("/srv/many/file {number:04}"), &b""[..]);
    }
    let page = driver.get("/many/");
    let body = String::from_utf8(page.body).expect("UTF-8");
    assert_eq!(body.matches("<li>").count(), 2_000);
    assert_eq!(page.head.matches("Content-Length").count(), 1);
    assert!(body.contains("<a href=\"file%200042\">file 0042</a>"));
}
