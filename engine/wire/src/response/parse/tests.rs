use proptest::prelude::*;

use super::*;
use ResponseFraming::{Chunked, Length, UntilClose};

/// Status, framing, keep-alive of whole heads.
const GOOD: [(&[u8], u16, ResponseFraming, bool); 25] = [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 13\r\n\r\n", 200, Length(13), true),
    (b"HTTP/1.0 200 OK\r\nContent-Length: 13\r\n\r\n", 200, Length(13), false),
    (b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 0\r\n\r\n", 200, Length(0), true),
    (b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, Length(0), false),
    (b"HTTP/1.1 200 OK\r\nConnection: keep-alive, Close\r\nContent-Length: 0\r\n\r\n", 200, Length(0), false),
    (b"HTTP/1.1 200 OK\r\nConnection: ,close,,\r\nContent-Length: 0\r\n\r\n", 200, Length(0), false),
    (b"HTTP/1.1 200 OK\r\nConnection: closed\r\nContent-Length: 0\r\n\r\n", 200, Length(0), true),
    (b"HTTP/1.1 200 OK\r\ncontent-length:\t007 \r\n\r\n", 200, Length(7), true),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", 200, Length(5), true),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775807\r\n\r\n", 200, Length(i64::MAX as u64), true),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200, Chunked, true),
    (b"HTTP/1.1 200 OK\r\nTRANSFER-ENCODING: gzip, CHUNKED\r\n\r\n", 200, Chunked, true),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n", 200, Chunked, true),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, gzip\r\n\r\n", 200, UntilClose, true),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n", 200, UntilClose, true),
    (b"HTTP/1.1 200 OK\r\n\r\n", 200, UntilClose, true),
    (b"HTTP/1.1 200 \r\nContent-Length: 1\r\n\r\n", 200, Length(1), true),
    (b"HTTP/1.1 200\r\nContent-Length: 1\r\n\r\n", 200, Length(1), true),
    (b"HTTP/1.7 999 ?\xFF\r\nContent-Length: 1\r\n\r\n", 999, Length(1), true),
    (b"HTTP/1.1 100 Continue\r\n\r\n", 100, ResponseFraming::None, true),
    (b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n", 101, ResponseFraming::None, true),
    (b"HTTP/1.1 204 No Content\r\n\r\n", 204, ResponseFraming::None, true),
    (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 13\r\n\r\n", 304, ResponseFraming::None, true),
    (b"HTTP/1.1 205 Reset Content\r\nContent-Length: 0\r\n\r\n", 205, Length(0), true),
    (b"HTTP/1.1 404 ?\r\nContent-Length-X: 5\r\nDate: x\r\nT: \r\nContent-Length: 2\r\n\r\n", 404, Length(2), true),
];

const BAD: [(&[u8], ResponseError); 34] = [
    (b"X", ResponseError::StatusLine),
    (b"\r\n", ResponseError::StatusLine),
    (b"http/1.1 200 OK\r\n", ResponseError::StatusLine),
    (b"HTTP/2 200\r\n", ResponseError::StatusLine),
    (b"HTTP/1 200 OK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.10 200 OK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.x 200 OK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.1  200 OK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.1 20 OK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.1 2000 OK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.1 099 OK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.1 -20 OK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.1 200OK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.1 200\tOK\r\n", ResponseError::StatusLine),
    (b"HTTP/1.1\r\n", ResponseError::StatusLine),
    (b"HTTP/1.1 200 OK\nContent-Length: 1\n\n", ResponseError::LineEnd),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\n", ResponseError::LineEnd),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\n", ResponseError::LineEnd),
    (b"HTTP/1.1 200 OK\r\n X: y\r\n", ResponseError::Field),
    (b"HTTP/1.1 200 OK\r\nX: y\r\n\tz\r\n", ResponseError::Field),
    (b"HTTP/1.1 200 OK\r\nContent-Length\r\n", ResponseError::Field),
    (b"HTTP/1.1 200 OK\r\nContent-Length : 5\r\n", ResponseError::Field),
    (b"HTTP/1.1 200 OK\r\nTransfer-Encoding\t: chunked\r\n", ResponseError::Field),
    (b"HTTP/1.1 200 OK\r\nContent-Length: \r\n", ResponseError::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n", ResponseError::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: +1\r\n", ResponseError::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1, 1\r\n", ResponseError::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: \x0C1\r\n", ResponseError::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 0x5\r\n", ResponseError::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 9223372036854775808\r\n", ResponseError::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999999999999999999\r\n", ResponseError::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n", ResponseError::ContentLength),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", ResponseError::TransferEncoding),
    (b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", ResponseError::TransferEncoding),
];

fn complete(input: &[u8]) -> ResponseHead {
    match parse_response_head(input) {
        Parsed::Complete(head) => head,
        other => panic!("{other:?} for {}", input.escape_ascii()),
    }
}

#[test]
fn good_heads() {
    for (input, code, framing, keep_alive) in GOOD {
        let followed = [input, b"\r\nbody"].concat();
        let head = complete(&followed);
        let got = (head.status.code(), head.framing, head.keep_alive, head.head_len);
        assert_eq!(got, (code, framing, keep_alive, input.len()), "{}", input.escape_ascii());
        assert_eq!(head.answering_head().framing, ResponseFraming::None);
        assert_eq!(head.is_reusable(), keep_alive && framing != UntilClose);
    }
}

#[test]
fn every_prefix_is_partial() {
    for (input, ..) in GOOD {
        for end in 0..input.len() {
            assert_eq!(parse_response_head(&input[..end]), Parsed::Partial, "{}", input[..end].escape_ascii());
        }
    }
}

#[test]
fn bad_heads() {
    for (input, error) in BAD {
        assert_eq!(parse_response_head(input), Parsed::Reject(error), "{}", input.escape_ascii());
    }
}

#[test]
fn the_size_limit_is_exact() {
    let start = b"HTTP/1.1 200 OK\r\nX: ".as_slice();
    for (len, fits) in [(HEAD_BYTES_MAX, true), (HEAD_BYTES_MAX + 1, false)] {
        let filler = vec![b'x'; len - start.len() - 4];
        let head = [start, &filler, b"\r\n\r\n"].concat();
        assert_eq!(head.len(), len);
        match parse_response_head(&head) {
            Parsed::Complete(got) => assert!(fits && got.head_len == len),
            other => assert!(!fits && other == Parsed::Reject(ResponseError::HeadTooLarge)),
        }
    }
}

proptest! {
    #[test]
    fn any_bytes_are_answered(input in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse_response_head(&input);
    }

    #[test]
    fn damaged_heads_are_answered(row in 0..GOOD.len(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut input = GOOD[row].0.to_vec();
        let at = at.index(input.len());
        input[at] = byte;
        if let Parsed::Complete(head) = parse_response_head(&input) {
            prop_assert!(head.head_len <= input.len() && input[..head.head_len].ends_with(b"\r\n\r\n"));
        }
    }

    #[test]
    fn what_follows_the_head_does_not_matter(row in 0..GOOD.len(), after in prop::collection::vec(any::<u8>(), 0..64)) {
        let alone = GOOD[row].0;
        prop_assert_eq!(complete(&[alone, &after].concat()), complete(alone));
    }
}
