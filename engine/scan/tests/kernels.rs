//! Every kernel equals the naive one, wherever the head begins and ends.

use proptest::prelude::*;
use slipring_scan::{Kernel, LINES_MAX, Outline, Shape, is_printable, is_token, naive};

/// Compares all kernels on `input`, and answers what they agree on.
fn check(input: &[u8]) -> (Shape, Outline) {
    let mut expected = Outline::new();
    let shape = naive::outline(input, &mut expected);
    for kernel in Kernel::all() {
        let mut outline = Outline::new();
        let answer = kernel.outline(input, &mut outline);
        assert_eq!(answer, shape, "{} on {:?}", kernel.name(), input.escape_ascii().to_string());
        if shape == Shape::Whole {
            assert_eq!(outline, expected, "{} on {:?}", kernel.name(), input.escape_ascii().to_string());
        }
    }
    (shape, expected)
}

const HEAD: &[u8] = b"GET /a?b=c HTTP/1.1\r\nHost: example.org\r\nAccept: text/html,*/*;q=0.8\r\nX-Empty:\r\n\
    Cookie: a=0123456789012345678901234567890123456789012345678901234567890123456789; b=c\r\nX: y\r\n\r\n";

#[test]
fn table() {
    let cases: &[(&[u8], Shape)] = &[
        (b"", Shape::Open),
        (b"G", Shape::Open),
        (b"GET / HTTP/1.1\r", Shape::Open),
        (b"GET / HTTP/1.1\r\n", Shape::Open),
        (b"GET / HTTP/1.1\r\n\r", Shape::Open),
        (b"GET / HTTP/1.1\r\n\r\n", Shape::Whole),
        (b"GET / HTTP/1.1\r\n\r\nbody \xff\n\n", Shape::Whole),
        (b"GET / HTTP/1.1\x01\xff\r\n", Shape::Whole), // the last two bytes of a line are for the caller
        (b"GET / HTTP/1.1\r\n\x01\n", Shape::Irregular),
        (b"GET / HTTP/1.1\n\n", Shape::Open), // likewise
        (b"GET / HTTP/1.1\nHost: a\n\n", Shape::Irregular),
        (b"GET / HTTP/1.1\r\r\n\r\n", Shape::Irregular),
        (b"GET / HTTP/1.1\r\nA: b\tc\r\n\r\n", Shape::Irregular),
        (b"GET / HTTP/1.1\r\nA: \xe9\r\n\r\n", Shape::Irregular),
        (b"GET / HTTP/1.1\r\n A: b\r\n\r\n", Shape::Irregular),
        (b"GET / HTTP/1.1\r\n: b\r\n\r\n", Shape::Irregular),
        (b"\r\n", Shape::Irregular),
        (b"\r", Shape::Irregular),
        (b" G", Shape::Open),
        (b" G\r\n\r\n", Shape::Irregular),
        (b"\x16\x03\x01", Shape::Irregular),
    ];
    for (input, expected) in cases {
        assert_eq!(check(input).0, *expected, "{:?}", input.escape_ascii().to_string());
    }
}

#[test]
fn the_outline_of_a_head() {
    let (shape, outline) = check(HEAD);
    assert_eq!(shape, Shape::Whole);
    assert_eq!((outline.lines(), outline.len()), (6, HEAD.len()));
    assert_eq!((outline.stop(0), outline.target_break(), outline.end(0)), (3, 10, 20));
    assert_eq!(&HEAD[21..outline.stop(1)], b"Host");
    assert_eq!(HEAD[outline.stop(1)], b':');
}

/// The end of the input falls on every bit of a block, and so does every line end.
#[test]
fn every_prefix_at_every_offset() {
    for pad in 0..130 {
        let mut input = b"GET /".to_vec();
        input.resize(5 + pad, b'p');
        input.extend_from_slice(&HEAD[5..]);
        input.extend_from_slice(b"GET / HTTP/1.1\r\n\r\n");
        for end in 0..=input.len() {
            check(&input[..end]);
        }
    }
}

/// Memory in front of and behind the input must not matter: the same head at every alignment in a poisoned buffer.
#[test]
fn every_alignment() {
    for offset in 0..64 {
        for len in [18, 31, 32, 33, 63, 64, 65, HEAD.len()] {
            let mut buffer = vec![b'\n'; 512];
            buffer[offset..offset + len].copy_from_slice(&HEAD[..len]);
            check(&buffer[offset..offset + len]);
        }
    }
}

/// Every byte value at every place of a short head.
#[test]
fn every_byte_everywhere() {
    let head = b"GET /index HTTP/1.1\r\nHost: a\r\nAccept-Encoding: gzip\r\nConnection: close\r\nX-Y: 1\r\n\r\n";
    for at in 0..head.len() {
        for byte in 0..=255 {
            let mut input = head.to_vec();
            input[at] = byte;
            check(&input);
        }
    }
}

#[test]
fn too_many_lines() {
    for lines in [LINES_MAX - 1, LINES_MAX, LINES_MAX + 1, LINES_MAX + 40] {
        for line in [&b"a\r\n"[..], b"ab: c\r\n", b"name: a value of some length that is not very short\r\n"] {
            let mut input = line.repeat(lines);
            check(&input);
            input.extend_from_slice(b"\r\n");
            assert_eq!(check(&input).0 == Shape::Whole, lines <= LINES_MAX);
        }
    }
}

#[test]
fn classes_agree_with_their_tables() {
    for byte in 0..=255_u8 {
        let shape = check(&[byte, b'\r', b'\n', b'\r', b'\n']).0;
        assert_eq!(shape == Shape::Whole, is_token(byte), "{byte:#x}");
        let shape = check(&[b'a', byte, b'a', b'\r', b'\n', b'\r', b'\n']).0;
        assert_eq!(shape == Shape::Whole, is_printable(byte), "{byte:#x}");
    }
}

/// Pieces from which heads, and things much like heads, are made.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        6 => Just(b"\r\n".to_vec()),
        4 => "[A-Za-z-]{1,20}: [ -~]{0,60}\r\n".prop_map(String::into_bytes),
        2 => "[ -~]{0,80}".prop_map(String::into_bytes),
        1 => prop_oneof![Just(b"\n".to_vec()), Just(b"\r".to_vec()), Just(b"\t".to_vec()), Just(b":".to_vec())],
        1 => any::<u8>().prop_map(|byte| vec![byte]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn pieces(pieces in prop::collection::vec(piece(), 0..20)) {
        let mut input = b"GET / HTTP/1.1\r\n".to_vec();
        input.extend(pieces.concat());
        check(&input);
    }

    #[test]
    fn noise(input in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&input);
    }

    #[test]
    fn noise_of_few_letters(letters in prop::collection::vec(0_usize..6, 0..300)) {
        let input: Vec<u8> = letters.into_iter().map(|letter| b"a:\r\n b"[letter]).collect();
        check(&input);
    }
}
