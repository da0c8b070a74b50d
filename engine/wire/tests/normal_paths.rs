//! The normal form of a path beside the same rules written down naively: decode every segment, then walk a stack.

use proptest::prelude::*;
use slipring_wire::target::{TargetError, normalize};

/// Path, query, whether it names a directory, whether something was dropped, whether it is hidden.
type Normal = (Vec<u8>, Option<Vec<u8>>, bool, bool, bool);

fn naive(target: &[u8]) -> Result<Normal, TargetError> {
    let mut halves = target.splitn(2, |&byte| byte == b'?');
    let path = halves.next().unwrap_or_default();
    let query = halves.next().map(<[u8]>::to_vec);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    let segments: Vec<&[u8]> = path.split(|&byte| byte == b'/').collect();
    let (mut stack, mut directory, mut changed) = (Vec::<Vec<u8>>::new(), false, false);
    for (number, segment) in segments.iter().enumerate() {
        let is_last = number + 1 == segments.len();
        let name = decoded(segment)?;
        directory = true;
        match name.as_slice() {
            b"" if is_last => {}
            b"" | b"." => changed = true,
            b".." => {
                stack.pop().ok_or(TargetError::AboveRoot)?;
                changed = true;
            }
            _ => {
                stack.push(name);
                directory = !is_last;
            }
        }
    }
    let known = usize::from(stack.first().is_some_and(|name| name == b".well-known"));
    let hidden = stack.iter().skip(known).any(|name| name.starts_with(b"."));
    Ok((stack.join(&b'/'), query, directory, changed, hidden))
}

fn decoded(segment: &[u8]) -> Result<Vec<u8>, TargetError> {
    let mut out = Vec::new();
    let mut at = 0;
    while at < segment.len() {
        if segment[at] != b'%' {
            out.push(segment[at]);
            at += 1;
            continue;
        }
        let digits = segment.get(at + 1..at + 3).ok_or(TargetError::BadEscape)?;
        let is_hex = digits.iter().all(u8::is_ascii_hexdigit);
        let text = std::str::from_utf8(digits).ok().filter(|_| is_hex).ok_or(TargetError::BadEscape)?;
        match u8::from_str_radix(text, 16).map_err(|_| TargetError::BadEscape)? {
            0 => return Err(TargetError::Nul),
            b'/' => return Err(TargetError::EncodedSlash),
            byte => out.push(byte),
        }
        at += 3;
    }
    Ok(out)
}

fn check(target: &[u8]) {
    let mut scratch = Vec::new();
    let found = normalize(target, &mut scratch).map(|normal| {
        let query = normal.query.map(<[u8]>::to_vec);
        (normal.path.to_vec(), query, normal.directory, normal.changed, normal.hidden)
    });
    assert_eq!(found, naive(target), "{}", target.escape_ascii());
}

/// Near the rules: their own pieces in any order.
fn near() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "/",
        "/",
        "/",
        "//",
        ".",
        "..",
        "a",
        "b",
        "?",
        "%2e",
        "%2E",
        "%2f",
        "%2F",
        "%00",
        "%",
        "%4",
        "%zz",
        "%41",
        "%25",
        "%5c",
        "\\",
        ".well-known",
        ".git",
        ";",
        "\u{e4}",
    ]);
    let piece = prop_oneof![
        12 => known.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ];
    prop::collection::vec(piece, 0..14).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8_192))]

    #[test]
    fn equals_the_naive_way(target in near()) {
        check(&target);
    }

    #[test]
    fn noise(target in prop::collection::vec(any::<u8>(), 0..40)) {
        check(&target);
    }

    /// What is normal stays as it is, whatever was decoded: escaped again, it leads to the same place.
    #[test]
    fn the_normal_form_is_its_own(target in near()) {
        // A NUL that is sent as it is never gets here: no head has one.
        prop_assume!(!target.contains(&0));
        let Ok((path, ..)) = naive(&target) else { return Ok(()) };
        let escaped: String = path.iter().map(|byte| match byte {
            b'/' => "/".to_owned(),
            byte => format!("%{byte:02x}"),
        }).collect();
        let (again, _, _, changed, _) = naive(format!("/{escaped}").as_bytes()).expect("nothing to refuse");
        prop_assert_eq!((&again, changed), (&path, false));
        check(format!("/{escaped}").as_bytes());
    }
}
