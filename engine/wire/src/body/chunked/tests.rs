mod oracle;

use proptest::prelude::*;

use super::*;

const LIMITS: ChunkLimits = ChunkLimits::REQUEST;

/// How a coded body ends, for the decoder and for the oracle alike.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Verdict {
    /// The data, and the bytes consumed.
    Whole(Vec<u8>, usize),
    Unfinished,
    /// Offset of the first byte that cannot stand there.
    Bad(u64),
}

/// The decoder's verdict when the input comes in pieces that end at the given places.
fn decode(input: &[u8], limits: ChunkLimits, cuts: &[usize]) -> (Verdict, Option<ChunkErrorKind>) {
    let mut decoder = ChunkedDecoder::new(limits);
    let mut body = Vec::new();
    let mut start = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        match decoder.append(&input[start..end], &mut body) {
            Err(error) => {
                assert_eq!(decoder.advance(b"0"), Err(error), "an error stays");
                return (Verdict::Bad(error.offset), Some(error.kind));
            }
            Ok((consumed, true)) => {
                assert!(decoder.is_done());
                assert_eq!(
                    (decoder.data_bytes(), decoder.wire_bytes()),
                    (body.len() as u64, (start + consumed) as u64)
                );
                let after = decoder.advance(b"GET").expect("the end stays");
                assert_eq!((after.consumed, after.state), (0, ChunkState::End));
                return (Verdict::Whole(body, start + consumed), None);
            }
            Ok((consumed, false)) => assert_eq!(consumed, end - start),
        }
        start = end;
    }
    (Verdict::Unfinished, None)
}

fn whole(input: &[u8]) -> (Verdict, Option<ChunkErrorKind>) {
    decode(input, LIMITS, &[])
}

/// Whole bodies: coded, decoded. Rows 26, 36, 39, 40.
const GOOD: [(&[u8], &[u8]); 13] = [
    (b"0\r\n\r\n", b""),
    (b"000\r\n\r\n", b""),
    (b"5\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"A\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"000000000000000a\r\n0123456789\r\n0\r\n\r\n", b"0123456789"),
    (b"2\r\n\r\n\r\n1\r\n0\r\n0\r\n\r\n", b"\r\n0"),
    (b"5;a=b;c=\"d\"\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"5;a\r\nhello\r\n0;b=\"\\\"\\\\ \xFF\t\"\r\n\r\n", b"hello"),
    (b"5 \t; a \t= b ;c = \"d\" ; e\r\nhello\r\n0\r\n\r\n", b"hello"),
    (b"0\r\nContent-Length: 5\r\nHost: evil\r\n\r\n", b""),
    (b"0\r\nTransfer-Encoding: chunked\r\nAuthorization: Basic eA==\r\n\r\n", b""),
    (b"0\r\nX:\r\nY:\t\xFFa b \r\n\r\n", b""),
];

/// Refused bodies with the offset of the byte that is refused. Rows 36 to 40, attack 5.
const BAD: [(&[u8], u64, ChunkErrorKind); 39] = [
    (b"\r\n", 0, ChunkErrorKind::Size),
    (b"+5\r\n", 0, ChunkErrorKind::Size),
    (b"-1\r\n", 0, ChunkErrorKind::Size),
    (b" 5\r\n", 0, ChunkErrorKind::Size),
    (b"G\r\n", 0, ChunkErrorKind::Size),
    (b";a\r\n", 0, ChunkErrorKind::Size),
    (b"0x5\r\n", 1, ChunkErrorKind::Size),
    (b"5_\r\n", 1, ChunkErrorKind::Size),
    (b"5,\r\n", 1, ChunkErrorKind::Size),
    (b"5\0\r\n", 1, ChunkErrorKind::Size),
    (b"5 \r\n", 2, ChunkErrorKind::Extension),
    (b"00000000000000005\r\n", 16, ChunkErrorKind::SizeTooLong),
    (b"10000000000000000\r\n", 16, ChunkErrorKind::SizeTooLong),
    (b"5\nhello\r\n", 1, ChunkErrorKind::LineEnd),
    (b"5\rhello\r\n", 2, ChunkErrorKind::LineEnd),
    (b"5\r\rhello\r\n", 2, ChunkErrorKind::LineEnd),
    (b"5\r\nhello0\r\n", 8, ChunkErrorKind::LineEnd),
    (b"5\r\nhello\n0\r\n", 8, ChunkErrorKind::LineEnd),
    (b"5\r\nhello\r0\r\n", 9, ChunkErrorKind::LineEnd),
    (b"5\r\nhello \r\n", 8, ChunkErrorKind::LineEnd),
    (b"5;\r\n", 2, ChunkErrorKind::Extension),
    (b"5;;a\r\n", 2, ChunkErrorKind::Extension),
    (b"5;a;\r\n", 4, ChunkErrorKind::Extension),
    (b"5;a=\r\n", 4, ChunkErrorKind::Extension),
    (b"5;a \r\n", 4, ChunkErrorKind::Extension),
    (b"5;a\nX\r\n", 3, ChunkErrorKind::Extension),
    (b"5;a\rX\r\n", 4, ChunkErrorKind::LineEnd),
    (b"5;a=\"b\r\n\"\r\n", 6, ChunkErrorKind::Extension),
    (b"5;a=\"\\\r\"\r\n", 6, ChunkErrorKind::Extension),
    (b"5;a=\"b\"c\r\n", 7, ChunkErrorKind::Extension),
    (b"5;a\x01\r\n", 3, ChunkErrorKind::Extension),
    (b"5;\xE9\r\n", 2, ChunkErrorKind::Extension),
    (b"0\r\nX : y\r\n", 4, ChunkErrorKind::Trailer),
    (b"0\r\n: y\r\n", 3, ChunkErrorKind::Trailer),
    (b"0\r\n X: y\r\n", 3, ChunkErrorKind::Trailer),
    (b"0\r\nX: y\r\n z\r\n", 9, ChunkErrorKind::Trailer),
    (b"0\r\nX\r\n", 4, ChunkErrorKind::Trailer),
    (b"0\r\nX: \0\r\n", 6, ChunkErrorKind::Trailer),
    (b"0\r\nGET / HTTP/1.1\r\n\r\n", 6, ChunkErrorKind::Trailer),
];

/// Line ends of the trailer section that are refused.
const BAD_TRAILER_ENDS: [(&[u8], u64); 5] =
    [(b"0\n\r\n", 1), (b"0\r\n\n", 3), (b"0\r\n\rX", 4), (b"0\r\nX: y\n\r\n", 7), (b"0\r\nX: y\rZ: a\r\n", 8)];

#[test]
fn good_bodies() {
    for (coded, data) in GOOD {
        let text = coded.escape_ascii();
        assert_eq!(whole(coded), (Verdict::Whole(data.to_vec(), coded.len()), None), "{text}");
        let followed = [coded, b"GET / HTTP/1.1\r\n"].concat();
        assert_eq!(whole(&followed).0, Verdict::Whole(data.to_vec(), coded.len()), "{text}");
        assert_eq!(oracle::decode(coded), Verdict::Whole(data.to_vec(), coded.len()), "{text}");
    }
}

#[test]
fn bad_bodies() {
    let ends = BAD_TRAILER_ENDS.map(|(coded, offset)| (coded, offset, ChunkErrorKind::LineEnd));
    for (coded, offset, kind) in BAD.into_iter().chain(ends) {
        let text = coded.escape_ascii();
        assert_eq!(whole(coded), (Verdict::Bad(offset), Some(kind)), "{text}");
        assert_eq!(oracle::decode(coded), Verdict::Bad(offset), "{text}");
    }
}

#[test]
fn every_split_gives_the_same() {
    let ends = BAD_TRAILER_ENDS.map(|(coded, _)| coded);
    for coded in GOOD.map(|row| row.0).into_iter().chain(BAD.map(|row| row.0)).chain(ends) {
        let at_once = whole(coded);
        let byte_by_byte: Vec<usize> = (0..coded.len()).collect();
        assert_eq!(decode(coded, LIMITS, &byte_by_byte), at_once, "{}", coded.escape_ascii());
        for cut in 0..coded.len() {
            assert_eq!(decode(coded, LIMITS, &[cut]), at_once, "{} at {cut}", coded.escape_ascii());
        }
    }
}

#[test]
fn every_prefix_of_a_body_is_unfinished() {
    for (coded, _) in GOOD {
        for end in 0..coded.len() {
            assert_eq!(whole(&coded[..end]).0, Verdict::Unfinished, "{}", coded[..end].escape_ascii());
        }
    }
}

#[test]
fn data_is_found_where_it_stands() {
    let mut decoder = ChunkedDecoder::new(LIMITS);
    let input = b"5\r\nhello\r\n3\r\nab";
    let first = decoder.advance(input).expect("well formed");
    assert_eq!(first, Progress { consumed: 8, data: 3..8, state: ChunkState::Data });
    let second = decoder.advance(&input[8..]).expect("well formed");
    assert_eq!(second, Progress { consumed: 7, data: 5..7, state: ChunkState::Data });
    let third = decoder.advance(b"").expect("well formed");
    assert_eq!((third.consumed, third.state), (0, ChunkState::NeedMore));
    assert_eq!(decoder.discard(b"c\r\n0\r\n\r\nGET"), Ok((8, true)));
    assert_eq!(decoder.data_bytes(), 8);
}

#[test]
fn limits_are_exact() {
    let limits = ChunkLimits {
        body_bytes_max: 6,
        extension_bytes_max: 4,
        trailer_bytes_max: 12,
        trailer_count_max: 2,
        ..ChunkLimits::REQUEST
    };
    let rows: [(&[u8], Option<ChunkErrorKind>); 9] = [
        (b"5\r\nhello\r\n1\r\n!\r\n0\r\n\r\n", None),
        (b"5\r\nhello\r\n2\r\n", Some(ChunkErrorKind::BodyTooLarge)),
        (b"ffffffffffffffff\r\n", Some(ChunkErrorKind::BodyTooLarge)),
        (b"1;a\r\n!\r\n0;b\r\n\r\n", None),
        (b"1;a\r\n!\r\n0;bc", Some(ChunkErrorKind::ExtensionsTooLarge)),
        (b"0\r\nA: b\r\nC: d\r\n", Some(ChunkErrorKind::TrailersTooLarge)),
        (b"0\r\nA:b\r\nC:d\r\n\r\n", None),
        (b"0\r\nA:\r\nB:\r\nC", Some(ChunkErrorKind::TrailersTooLarge)),
        (b"0\r\nA:1234567890\r", Some(ChunkErrorKind::TrailersTooLarge)),
    ];
    for (coded, kind) in rows {
        let followed = [coded, if kind.is_some() { b"\r\n\r\n".as_slice() } else { b"" }].concat();
        assert_eq!(decode(&followed, limits, &[]).1, kind, "{}", coded.escape_ascii());
    }
}

#[test]
fn sizes_that_add_up_beyond_64_bits_are_refused() {
    let mut decoder = ChunkedDecoder::new(ChunkLimits::REQUEST);
    assert!(decoder.advance(b"1\r\nx").is_ok());
    assert!(decoder.advance(b"\r\n").is_ok());
    let error = decoder.advance(b"ffffffffffffffff\r\n").expect_err("1 + (2^64 - 1)");
    assert_eq!((error.kind, error.status_code()), (ChunkErrorKind::BodyTooLarge, 413));
}

/// Attack 28: a million chunks of one byte. The budget ends it after 128 KiB of input.
#[test]
fn tiny_chunks_are_bounded() {
    let rows: [(&[u8], usize); 3] = [(b"1\r\nx\r\n", 21_845), (b"2\r\nxy\r\n", 65_536), (b"3\r\nxyz\r\n", 200_000)];
    for (chunk, passes) in rows {
        let mut decoder = ChunkedDecoder::new(ChunkLimits::REQUEST);
        let passed = (0..200_000).take_while(|_| decoder.discard(chunk).is_ok()).count();
        assert_eq!(passed, passes, "{}", chunk.escape_ascii());
    }
    let error = decode(&b"1\r\nx\r\n".repeat(30_000), ChunkLimits::REQUEST, &[]);
    assert_eq!(error.1, Some(ChunkErrorKind::TooMuchOverhead));
    let lenient = decode(&b"1\r\nx\r\n".repeat(30_000), ChunkLimits::RESPONSE, &[]);
    assert_eq!(lenient.0, Verdict::Unfinished);
}

#[test]
fn answers_have_their_code() {
    let rows = [
        (ChunkErrorKind::BodyTooLarge, 413),
        (ChunkErrorKind::TrailersTooLarge, 431),
        (ChunkErrorKind::Size, 400),
        (ChunkErrorKind::TooMuchOverhead, 400),
    ];
    for (kind, code) in rows {
        assert_eq!(ChunkError { offset: 0, kind }.status_code(), code);
    }
}

#[test]
fn chunk_lines_are_written() {
    let rows: [(u64, &[u8]); 5] =
        [(1, b"1\r\n"), (15, b"f\r\n"), (16, b"10\r\n"), (65_536, b"10000\r\n"), (u64::MAX, b"ffffffffffffffff\r\n")];
    for (bytes, line) in rows {
        assert_eq!(chunk_line(bytes, &mut [0; 18]), line);
    }
    assert_eq!(whole(LAST_CHUNK).0, Verdict::Whole(Vec::new(), 5));
}

/// Bytes that are near the grammar: pieces of it in any order, and now and then any byte.
fn near_chunked() -> impl Strategy<Value = Vec<u8>> {
    let known = prop::sample::select(vec![
        "0\r\n",
        "1\r\nx\r\n",
        "2\r\nab\r\n",
        "3",
        "\r\n",
        "\r",
        "\n",
        ";",
        "a",
        "=",
        "\"",
        "\\",
        " ",
        "\t",
        ":",
        "X: y\r\n",
        "5;a=b",
        "0;a=\"b\"\r\n",
        "0\r\n\r\n",
        "00",
        "g",
    ])
    .prop_map(|piece| piece.as_bytes().to_vec());
    let piece = prop_oneof![9 => known, 1 => any::<u8>().prop_map(|byte| vec![byte])];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_096))]

    #[test]
    fn equals_the_oracle(input in near_chunked(), cuts in prop::collection::vec(0..64_usize, 0..4)) {
        let expected = oracle::decode(&input);
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(input.len())).collect();
        cuts.sort_unstable();
        prop_assert_eq!(decode(&input, LIMITS, &cuts).0, expected);
    }

    #[test]
    fn one_damaged_byte(row in 0..GOOD.len(), at in 0..64_usize, byte in any::<u8>()) {
        let mut input = GOOD[row].0.to_vec();
        let len = input.len();
        input[at % len] = byte;
        prop_assert_eq!(whole(&input).0, oracle::decode(&input));
    }

    #[test]
    fn round_trip(pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..8)) {
        let mut coded = Vec::new();
        for piece in &pieces {
            coded.extend_from_slice(chunk_line(piece.len() as u64, &mut [0; 18]));
            coded.extend_from_slice(piece);
            coded.extend_from_slice(b"\r\n");
        }
        coded.extend_from_slice(LAST_CHUNK);
        prop_assert_eq!(whole(&coded).0, Verdict::Whole(pieces.concat(), coded.len()));
    }
}
