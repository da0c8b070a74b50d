use proptest::prelude::*;

use super::*;

fn check_split(purpose: Purpose, target: &str, expected: Result<(TargetForm, &str, &str), RejectReason>) {
    let parts = split(purpose, target.as_bytes());
    let parts = parts.map(|parts| (parts.form, &target[parts.authority], &target[parts.path]));
    assert_eq!(parts, expected, "{purpose:?} {target}");
}

/// Rows 16 to 18 of the list of musts.
#[test]
fn forms() {
    use RejectReason as R;
    use TargetForm as F;
    check_split(Purpose::Resource, "/", Ok((F::Origin, "", "/")));
    check_split(Purpose::Resource, "//a//b?c", Ok((F::Origin, "", "//a//b?c")));
    check_split(Purpose::Resource, "http://a/", Ok((F::Absolute, "a", "/")));
    check_split(Purpose::Resource, "HTTPS://a:1/b?c", Ok((F::Absolute, "a:1", "/b?c")));
    check_split(Purpose::Capabilities, "http://a", Ok((F::Absolute, "a", "")));
    check_split(Purpose::Resource, "http://[::1]:80?q=//", Ok((F::Absolute, "[::1]:80", "?q=//")));
    check_split(Purpose::Resource, "http:///", Err(R::HostSyntax));
    check_split(Purpose::Resource, "http://u@a/", Err(R::HostSyntax));
    check_split(Purpose::Resource, "ftp://a/", Err(R::TargetSyntax));
    check_split(Purpose::Resource, "a.txt", Err(R::TargetSyntax));
    check_split(Purpose::Resource, "?x", Err(R::TargetSyntax));
    check_split(Purpose::Capabilities, "*", Ok((F::Asterisk, "", "*")));
    check_split(Purpose::Resource, "*", Err(R::TargetForm));
    check_split(Purpose::Capabilities, "*x", Err(R::TargetSyntax));
    check_split(Purpose::Tunnel, "h:443", Ok((F::Authority, "h:443", "")));
    for bad in ["h:0", "h", "h:", "h:65536", "/", "*", "http://a/", ":80", "u@h:1"] {
        check_split(Purpose::Tunnel, bad, Err(R::TargetForm));
    }
}

/// Rows 13 and 14.
#[test]
fn authorities() {
    let good = [
        "h",
        "a.b",
        "A-B.c:80",
        "h:",
        "127.0.0.1:8000",
        "[::1]",
        "[2001:db8::1]:443",
        "a_b",
        "x%20y",
        "h:00080",
        "xn--bcher-kva.example",
        "h:0",
        "[::ffff:1.2.3.4]",
    ];
    let bad = [
        "",
        ":80",
        "u@h",
        "h/p",
        "a b",
        "h:99x",
        "h:65536",
        "h:123456",
        "[::1",
        "a\\",
        "\u{a0}",
        "a,b",
        "a, b",
        "[]",
        "[::1]x",
        "[::1]:x",
        "[fe80::1%25eth0]",
        "[v1.x]",
        "a%2",
        "a%zz",
        "h:80:80",
        "h:-1",
        "h?",
        "h#",
        "<a>",
        "::1",
        "h:+80",
        "\"h\"",
    ];
    for host in good {
        assert!(is_authority(host.as_bytes()), "{host}");
    }
    for host in bad {
        assert!(!is_authority(host.as_bytes()), "{host}");
    }
}

fn check_path(target: &str, expected: &str, flags: &str) {
    let mut scratch = Vec::with_capacity(target.len());
    let before = scratch.capacity();
    let normal = normalize(target.as_bytes(), &mut scratch).unwrap_or_else(|error| panic!("{target}: {error:?}"));
    let mut seen = String::new();
    for (flag, set) in [('d', normal.directory), ('c', normal.changed), ('h', normal.hidden)] {
        seen.extend(set.then_some(flag));
    }
    assert_eq!((normal.path, seen.as_str()), (expected.as_bytes(), flags), "{target}");
    assert_eq!(normal.query, target.split_once('?').map(|(_, query)| query.as_bytes()), "{target}");
    assert_eq!(scratch.capacity(), before, "{target}");
}

#[test]
fn paths() {
    check_path("/", "", "d");
    check_path("", "", "d");
    check_path("/a", "a", "");
    check_path("a/b", "a/b", "");
    check_path("/a/", "a", "d");
    check_path("/a/b.html?x=/../%00", "a/b.html", "");
    check_path("/a?", "a", "");
    check_path("/?a?b", "", "d");
    check_path("/a%20b", "a b", "");
    check_path("/%41%C3%a9", "A\u{e9}", "");
    check_path("/a%3fb", "a?b", "");
    check_path("/%2541", "%41", "");
    check_path("/a\\..\\b", "a\\..\\b", "");
    check_path("/a..", "a..", "");
    check_path("/a/...", "a/...", "h");
    check_path("/..;/x", "..;/x", "h");
    check_path("//a", "a", "c");
    check_path("///a//b", "a/b", "c");
    check_path("/a//", "a", "dc");
    check_path("//", "", "dc");
    check_path("/.", "", "dc");
    check_path("/./a", "a", "c");
    check_path("/a/.", "a", "dc");
    check_path("/a/./", "a", "dc");
    check_path("/a/..", "", "dc");
    check_path("/a/../b", "b", "c");
    check_path("/a/b/../../c/", "c", "dc");
    check_path("/a/b/%2e%2E/c", "a/c", "c");
    check_path("/a/%2e", "a", "dc");
    check_path("/.git/config", ".git/config", "h");
    check_path("/%2egit", ".git", "h");
    check_path("/a/../.git", ".git", "ch");
    check_path("/a/.b/c", "a/.b/c", "h");
    check_path("/.well-known/acme", ".well-known/acme", "");
    check_path("/.well-known", ".well-known", "");
    check_path("/.well-known/.x", ".well-known/.x", "h");
    check_path("/.well-knownx", ".well-knownx", "h");
    check_path("/a/.well-known", "a/.well-known", "h");
}

#[test]
fn refused_paths() {
    use TargetError as E;
    let cases = [
        ("/%", E::BadEscape),
        ("/%4", E::BadEscape),
        ("/%4/1", E::BadEscape),
        ("/%zz", E::BadEscape),
        ("/%+1", E::BadEscape),
        ("/x.html%00.jpg", E::Nul),
        ("/sub%2f", E::EncodedSlash),
        ("/..%2Ff", E::EncodedSlash),
        ("/..", E::AboveRoot),
        ("/../f", E::AboveRoot),
        ("/a/../../f", E::AboveRoot),
        ("/%2e%2e/f", E::AboveRoot),
        ("/.%2e/f", E::AboveRoot),
        ("/a/..//../f", E::AboveRoot),
    ];
    for (target, expected) in cases {
        assert_eq!(normalize(target.as_bytes(), &mut Vec::new()), Err(expected), "{target}");
        assert_eq!(expected.status(), if expected == E::EncodedSlash { 404 } else { 400 });
    }
}

#[test]
fn plain_bytes_of_a_host() {
    for byte in 0..=255_u8 {
        for at in 0..20 {
            let mut host = *b"a-9.Za-9.Zzz00AAm.5Q";
            host[at] = byte;
            let plain = byte.is_ascii_alphanumeric() || b".-".contains(&byte);
            assert_eq!(plain_len(&host), if plain { 20 } else { at }, "{byte:#x} at {at}");
        }
    }
}

proptest! {
    /// Whatever comes in, what goes out can be joined to a root.
    #[test]
    fn a_normal_path_is_normal(target in "/?([ab.%/?\\\\]|%2[eEfF]|%[0-9a-f]{2}|[ -~]){0,12}") {
        let mut scratch = Vec::new();
        let Ok(normal) = normalize(target.as_bytes(), &mut scratch) else { return Ok(()) };
        prop_assert!(!normal.path.contains(&0));
        let root = normal.path.is_empty();
        prop_assert!(!root || normal.directory);
        for segment in normal.path.split(|&byte| byte == b'/') {
            prop_assert!(root || !matches!(segment, b"" | b"." | b".."), "{}", normal.path.escape_ascii());
        }
        let dots = normal.path.split(|&byte| byte == b'/').any(|segment| segment.starts_with(b"."));
        prop_assert!(normal.hidden == dots || normal.path.starts_with(b".well-known"));
    }

    #[test]
    fn authorities_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..20)) {
        prop_assert_eq!(is_authority(&bytes), authority_port(&bytes).is_some());
    }
}

proptest! {
    /// What is plain is its own normal form, slash and all.
    #[test]
    fn a_plain_path_is_its_normal_form(target in "/[a-b./%2?]{0,12}") {
        if let Some(plain) = plain_path(target.as_bytes()) {
            let mut scratch = Vec::new();
            let normal = normalize(target.as_bytes(), &mut scratch).expect("nothing to refuse");
            let named = [normal.path, if normal.directory && !normal.path.is_empty() { b"/" } else { b"" }].concat();
            prop_assert_eq!((plain, normal.changed, normal.hidden), (&named[..], false, false));
        }
    }
}
