use super::*;

#[test]
fn what_is_no_format_is_explained() {
    for (text, words) in [
        ("apache", &["'apache'", "combined", "{client}"][..]),
        ("", &["''"]),
        ("{client} {stauts}", &["{stauts}", "{status}", "{field:NAME}"]),
        ("{client", &["alone at byte 0", "{{"]),
        ("{client} }", &["alone at byte 9"]),
        ("{field:}", &["{field:}"]),
        ("{field:a b}", &["{field:a b}"]),
        ("{client}\n", &["control character at byte 8"]),
        ("{}", &["{}"]),
    ] {
        let said = text.parse::<Format>().expect_err(text).to_string();
        assert!(words.iter().all(|word| said.contains(word)), "{text}: {said}");
    }
    assert!("{tab}".repeat(500).parse::<Format>().is_ok(), "pieces of text that meet are one");
    assert_eq!("{us}".repeat(200).parse::<Format>(), Err(FormatError::TooLong));
}

#[test]
fn every_placeholder_is_one() {
    for (name, _) in PLACEHOLDERS {
        assert!(format!("{{{name}}}").parse::<Format>().is_ok(), "{name}");
    }
    for key in JSON {
        assert!(PLACEHOLDERS.iter().any(|(name, _)| *name == key), "{key}");
    }
}
