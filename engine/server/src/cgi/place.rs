//! Which part of a path names a script (rows C1 and C2).

use slipring_wire::target::{TargetError, normalize};

/// A script that a path names, and what is left of the path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// SCRIPT_NAME: with a slash before it.
    pub(super) name: Vec<u8>,
    /// PATH_INFO: empty, or with a slash before it.
    pub(super) rest: Vec<u8>,
}

/// The path of a target, if it leads into one of the script directories: decoded, without its first slash.
///
/// # Errors
/// A target that leads nowhere.
pub(super) fn script_path(target: &[u8], directories: &[String]) -> Result<Option<Vec<u8>>, TargetError> {
    let mut scratch = Vec::new();
    let normal = normalize(target, &mut scratch)?;
    let mut path = normal.path.to_vec();
    let inside = directories.iter().any(|directory| {
        let name = directory.trim_matches('/').as_bytes();
        path.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
    });
    if inside && normal.directory && path.contains(&b'/') {
        // A slash behind the script is its PATH_INFO.
        path.push(b'/');
    }
    Ok(inside.then_some(path))
}

/// The first `names` names of a path, and the rest with its slash. `None` if it has fewer.
pub(super) fn split(path: &[u8], names: usize) -> Option<(&[u8], &[u8])> {
    let mut slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
    match slashes.nth(names - 1) {
        Some(at) => Some(path.split_at(at)),
        None => (path.split(|&byte| byte == b'/').count() == names).then_some((path, &b""[..])),
    }
}

/// How many names stand before the script's own.
pub(super) fn depth(path: &[u8], directories: &[String]) -> usize {
    let names = |directory: &String| directory.trim_matches('/').split('/').count();
    let inside = directories.iter().filter(|directory| path.starts_with(directory.trim_matches('/').as_bytes()));
    inside.map(names).max().unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn directories() -> Vec<String> {
        ["/cgi-bin", "/htbin", "/sub/dir/cgi-bin"].map(str::to_owned).to_vec()
    }

    /// The targets of CPython's tests of `is_cgi` and of its collapsing (row C1), and what leads around them.
    #[test]
    fn targets_into_script_directories() {
        let cases: [(&str, Option<&str>); 16] = [
            ("/cgi-bin/file1.py", Some("cgi-bin/file1.py")),
            ("/cgi-bin/file1.py/PATH-INFO", Some("cgi-bin/file1.py/PATH-INFO")),
            ("/cgi-bin//a", Some("cgi-bin/a")),
            ("/./cgi-bin/./a?q=/x", Some("cgi-bin/a")),
            ("/a/../cgi-bin/b", Some("cgi-bin/b")),
            ("///////////nocgi.py/../cgi-bin/nothere.sh", Some("cgi-bin/nothere.sh")),
            ("/cgi-bin%2ffile1.py", None),
            ("/%63gi-bin/a", Some("cgi-bin/a")),
            ("/htbin/a/", Some("htbin/a/")),
            ("/sub/dir/cgi-bin/cgi.py", Some("sub/dir/cgi-bin/cgi.py")),
            ("/cgi-bin", Some("cgi-bin")),
            ("/cgi-bin/", Some("cgi-bin")),
            ("/cgi-binary/a", None),
            ("/CGI-BIN/a", None),
            ("/cgi-bin/../x", None),
            ("/", None),
        ];
        for (target, expected) in cases {
            match script_path(target.as_bytes(), &directories()) {
                Ok(path) => assert_eq!(path.as_deref(), expected.map(str::as_bytes), "{target}"),
                // An encoded slash is refused as a target: it never names a script or its source.
                Err(_) => assert!(expected.is_none() && target.contains("%2f"), "{target}"),
            }
        }
    }

    #[test]
    fn names_and_the_rest() {
        let path = b"cgi-bin/dir/script/more/info";
        assert_eq!(split(path, 2), Some((&b"cgi-bin/dir"[..], &b"/script/more/info"[..])));
        assert_eq!(split(path, 5), Some((&path[..], &b""[..])));
        assert_eq!(split(path, 6), None);
        assert_eq!(split(b"cgi-bin/a/", 2), Some((&b"cgi-bin/a"[..], &b"/"[..])));
        assert_eq!((depth(b"cgi-bin/a", &directories()), depth(b"sub/dir/cgi-bin/a", &directories())), (1, 3));
    }
}
