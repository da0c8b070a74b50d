use proptest::prelude::*;

use super::*;

/// One response as it was followed: status, body bytes.
type Seen = (u16, u64);

/// All that is seen in a stream, and what the close at its end means.
type Story = (Vec<Seen>, Result<Eof, ResponseError>);

/// Follows `input`, cut into pieces, with a machine that shares `memo`.
fn follow(
    memo: &mut HeadMemo,
    input: &[u8],
    cuts: &[usize],
    was_head: bool,
) -> (Vec<Seen>, Result<Eof, ResponseError>) {
    let mut machine = ResponseMachine::new();
    let mut seen = Vec::new();
    let mut open = None;
    let mut start = 0;
    for end in cuts.iter().copied().chain([input.len()]) {
        if let Err(error) = feed(&mut machine, memo, &input[start..end], was_head, &mut open, &mut seen) {
            assert_eq!(machine.advance(memo, b"x", was_head), Err(error), "an error stays");
            return (seen, Err(error));
        }
        start = end;
    }
    let eof = machine.handle_eof();
    if eof == Ok(Eof::Complete) {
        seen.extend(open);
    }
    (seen, eof)
}

fn feed(
    machine: &mut ResponseMachine,
    memo: &mut HeadMemo,
    input: &[u8],
    was_head: bool,
    open: &mut Option<Seen>,
    seen: &mut Vec<Seen>,
) -> Result<(), ResponseError> {
    let mut at = 0;
    loop {
        let (consumed, event) = machine.advance(memo, &input[at..], was_head)?;
        at += consumed;
        match event {
            Event::NeedMore => {
                assert_eq!(at, input.len(), "everything is consumed before more is asked for");
                return Ok(());
            }
            Event::Head(head) => *open = Some((head.status.code(), 0)),
            Event::BodyBytes(bytes) => open.as_mut().expect("a head came first").1 += bytes,
            Event::End => seen.extend(open.take()),
        }
    }
}

fn at_once(input: &[u8]) -> Story {
    follow(&mut HeadMemo::new(), input, &[], false)
}

const HELLO: &[u8] = b"HTTP/1.1 200 OK\r\nServer: Slipring/0.1.0\r\nDate: Mon, 23 Nov 2026 13:10:52 GMT\r\n\
    Content-Type: text/plain\r\nContent-Length: 13\r\n\r\nHello, World!";
const CHUNKS: &[u8] =
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n1;x\r\n!\r\n0\r\nX: y\r\n\r\n";
const EMPTY: &[u8] = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n";
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const UNMODIFIED: &[u8] = b"HTTP/1.1 304 Not Modified\r\nContent-Length: 99\r\n\r\n";
const TO_THE_END: &[u8] = b"HTTP/1.0 200 OK\r\n\r\nHTTP/1.1 200 OK\r\n\r\n";

/// Streams and their stories.
fn streams() -> Vec<(Vec<u8>, Story)> {
    let idle = Ok(Eof::Idle);
    let rows: Vec<(Vec<u8>, Vec<Seen>, _)> = vec![
        (Vec::new(), vec![], idle),
        (HELLO.to_vec(), vec![(200, 13)], idle),
        (CHUNKS.to_vec(), vec![(200, 6)], idle),
        (EMPTY.to_vec(), vec![(404, 0)], idle),
        (
            [HELLO, HELLO, EMPTY, CHUNKS, HELLO].concat(),
            vec![(200, 13), (200, 13), (404, 0), (200, 6), (200, 13)],
            idle,
        ),
        ([CONTINUE, HELLO].concat(), vec![(100, 0), (200, 13)], idle),
        ([UNMODIFIED, EMPTY].concat(), vec![(304, 0), (404, 0)], idle),
        ([HELLO, TO_THE_END].concat(), vec![(200, 13), (200, 19)], Ok(Eof::Complete)),
        (HELLO[..HELLO.len() - 1].to_vec(), vec![], Err(ResponseError::Truncated)),
        (HELLO[..20].to_vec(), vec![], Err(ResponseError::Truncated)),
        (CHUNKS[..CHUNKS.len() - 2].to_vec(), vec![], Err(ResponseError::Truncated)),
        ([EMPTY, b"X"].concat(), vec![(404, 0)], Err(ResponseError::StatusLine)),
        ([EMPTY, b"HTTP/1.1 200 OK\r\nA: b\n\n"].concat(), vec![(404, 0)], Err(ResponseError::LineEnd)),
        ([EMPTY, b"HTTP/2 200\r\n"].concat(), vec![(404, 0)], Err(ResponseError::StatusLine)),
    ];
    rows.into_iter().map(|(input, seen, eof)| (input, (seen, eof))).collect()
}

#[test]
fn whole_streams() {
    for (input, expected) in streams() {
        assert_eq!(at_once(&input), expected, "{}", input.escape_ascii());
    }
}

#[test]
fn every_split_gives_the_same() {
    for (input, expected) in streams() {
        let bytes: Vec<usize> = (0..input.len()).collect();
        assert_eq!(follow(&mut HeadMemo::new(), &input, &bytes, false), expected, "{}", input.escape_ascii());
        for cut in 0..input.len() {
            let got = follow(&mut HeadMemo::new(), &input, &[cut], false);
            assert_eq!(got, expected, "{} at {cut}", input.escape_ascii());
        }
    }
}

#[test]
fn chunk_errors_come_through() {
    let mut input = CHUNKS.to_vec();
    let at = input.windows(5).position(|window| window == b"hello").expect("it is there");
    input[at - 3] = b'G';
    let (seen, eof) = at_once(&input);
    assert_eq!(seen, []);
    assert!(matches!(eof, Err(ResponseError::Chunk(error)) if error.offset == 0));
}

#[test]
fn answers_to_head_have_no_body() {
    let body_at = HELLO.len() - 13;
    let heads =
        [&HELLO[..body_at], b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", &HELLO[..body_at]].concat();
    let got = follow(&mut HeadMemo::new(), &heads, &[], true);
    assert_eq!(got, (vec![(200, 0); 3], Ok(Eof::Idle)));
}

/// The memo takes a head for the last one only when it says the same. Each row changes one thing in HELLO.
#[test]
fn the_memo_is_not_fooled() {
    let rows: [(&str, &str, Seen); 5] = [
        ("23 Nov 2026 13:10:52", "24 Nov 2026 00:00:00", (200, 13)),
        ("200 OK", "500 OK", (500, 13)),
        ("Length: 13", "Length: 12", (200, 12)),
        ("Server", "Serves", (200, 13)),
        ("Mon, 23 Nov 2026 13:10:52 GMT", "x\r\nTransfer-Encoding: chunkedx", (200, 13)),
    ];
    let text = String::from_utf8(HELLO.to_vec()).expect("text");
    for (old, new, expected) in rows {
        let changed = text.replace(old, new);
        let changed = &changed[..changed.len() - (13 - expected.1 as usize)];
        let mut memo = HeadMemo::new();
        let first = follow(&mut memo, HELLO, &[], false);
        assert_eq!(first.0, [(200, 13)]);
        let got = follow(&mut memo, changed.as_bytes(), &[], false);
        let fresh = at_once(changed.as_bytes());
        assert_eq!(got, fresh, "{new:?}");
        if new.len() == old.len() && !new.contains('\r') {
            assert_eq!(got.0, [expected], "{new:?}");
        }
    }
}

/// A date of 29 bytes that hides a field: equal outside the date, yet another head.
#[test]
fn a_field_hidden_in_the_date_is_read() {
    let hidden = "Mon\r\nConnection:close\r\nAB: cd";
    assert_eq!(hidden.len(), DATE_LEN);
    let text = String::from_utf8(HELLO.to_vec()).expect("text").replace("Mon, 23 Nov 2026 13:10:52 GMT", hidden);
    let mut memo = HeadMemo::new();
    assert_eq!(follow(&mut memo, HELLO, &[], false).1, Ok(Eof::Idle));
    let (_, event) = ResponseMachine::new().advance(&mut memo, text.as_bytes(), false).expect("well formed");
    assert!(matches!(event, Event::Head(head) if !head.keep_alive));
}

#[test]
fn the_memo_follows_the_date() {
    let text = String::from_utf8(HELLO.to_vec()).expect("text");
    let stream: String = (0..60).map(|second| text.replace(":52", &format!(":{second:02}"))).collect();
    let mut memo = HeadMemo::new();
    let (seen, eof) = follow(&mut memo, stream.as_bytes(), &[], false);
    assert_eq!((seen, eof), (vec![(200, 13); 60], Ok(Eof::Idle)));
    assert!(memo.bytes.windows(3).any(|window| window == b":59"), "the date was taken over");
}

#[test]
fn heads_have_a_limit_however_they_come() {
    let endless = [b"HTTP/1.1 200 OK\r\n".as_slice(), &b"X: y\r\n".repeat(2_000)].concat();
    for step in [1, 7, 1_000, endless.len()] {
        let cuts: Vec<usize> = (0..endless.len()).step_by(step).collect();
        let got = follow(&mut HeadMemo::new(), &endless, &cuts, false);
        assert_eq!(got, (vec![], Err(ResponseError::HeadTooLarge)), "step {step}");
    }
    let large = [b"HTTP/1.1 200 OK\r\nX: ".as_slice(), &[b'x'; 4_000], b"\r\nContent-Length: 2\r\n\r\nab"].concat();
    assert_eq!(at_once(&large.repeat(2)).0, [(200, 2), (200, 2)], "larger than the memo");
}

#[test]
fn a_parser_of_its_own() {
    let mut parser = ResponseParser::new();
    assert!(parser.is_idle());
    let (consumed, event) = parser.advance(HELLO, false).expect("well formed");
    assert_eq!(consumed, HELLO.len() - 13);
    assert!(matches!(event, Event::Head(head) if head.status.code() == 200 && head.is_reusable()));
    assert_eq!(parser.advance(&HELLO[consumed..], false), Ok((13, Event::BodyBytes(13))));
    assert_eq!(parser.advance(b"", false), Ok((0, Event::End)));
    assert_eq!(parser.advance(b"", false), Ok((0, Event::NeedMore)));
    assert_eq!(parser.handle_eof(), Ok(Eof::Idle));
}

proptest! {
    #[test]
    fn any_stream_in_any_pieces(
        parts in prop::collection::vec(prop::sample::select(vec![HELLO, CHUNKS, EMPTY, CONTINUE, UNMODIFIED]), 0..6),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let mut input = parts.concat();
        if let (Some((at, byte)), false) = (damage, input.is_empty()) {
            let at = at.index(input.len());
            input[at] = byte;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.sort_unstable();
        let expected = at_once(&input);
        prop_assert_eq!(&follow(&mut HeadMemo::new(), &input, &cuts, false), &expected);
        let mut used = HeadMemo::new();
        let _ = follow(&mut used, HELLO, &[], false);
        prop_assert_eq!(&follow(&mut used, &input, &cuts, false), &expected);
    }

    #[test]
    fn any_bytes_are_answered(input in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = at_once(&input);
        let _ = at_once(&[CHUNKS, &input].concat());
    }
}
