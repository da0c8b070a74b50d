use proptest::prelude::*;

use super::*;

const STAMP: DateStamp = DateStamp::new(1_795_439_452);

/// Runs `write` on a buffer that is large enough and gives back what stands in it.
fn written(write: impl FnOnce(&mut HeadWriter) -> Result<(), EncodeError>) -> Result<Vec<u8>, EncodeError> {
    let mut buffer = vec![0xAA; 4096];
    let mut head = HeadWriter::new(&mut buffer);
    write(&mut head)?;
    Ok(head.as_bytes().to_vec())
}

fn typical(head: &mut HeadWriter) -> Result<(), EncodeError> {
    head.status_line(false, Status::OK, None)?
        .field_static(b"Server: Slipring/0.1.0\r\n")?
        .date(&STAMP)?
        .field(b"Content-Type", b"text/html; charset=utf-8")?
        .content_length(1_234)?;
    Ok(())
}

const TYPICAL: &[u8] = b"HTTP/1.1 200 OK\r\nServer: Slipring/0.1.0\r\nDate: Mon, 23 Nov 2026 13:10:52 GMT\r\n\
    Content-Type: text/html; charset=utf-8\r\nContent-Length: 1234\r\n";

#[test]
fn a_typical_head() {
    assert_eq!(written(typical).as_deref(), Ok(TYPICAL));
}

#[test]
fn status_lines() {
    type Row = (bool, u16, Option<&'static [u8]>, &'static [u8]);
    let rows: [Row; 10] = [
        (false, 200, None, b"HTTP/1.1 200 OK\r\n"),
        (true, 200, None, b"HTTP/1.0 200 OK\r\n"),
        (false, 404, Some(b"File not found"), b"HTTP/1.1 404 File not found\r\n"),
        (true, 404, Some(b"File not found"), b"HTTP/1.0 404 File not found\r\n"),
        (false, 999, None, b"HTTP/1.1 999 \r\n"),
        (false, 200, Some(b""), b"HTTP/1.1 200 \r\n"),
        (false, 404, Some(b"Bad\r\nX: inj"), b"HTTP/1.1 404 Bad  X: inj\r\n"),
        (false, 404, Some(b"a\0b\x1Bc\x7Fd\te"), b"HTTP/1.1 404 a b c d\te\r\n"),
        (false, 200, Some(b"\xC3\xA4 \xFF"), b"HTTP/1.1 200 \xC3\xA4 \xFF\r\n"),
        (true, 501, Some(b"Unsupported method ('SPAM')"), b"HTTP/1.0 501 Unsupported method ('SPAM')\r\n"),
    ];
    for (version_1_0, code, reason, line) in rows {
        let got = written(|head| head.status_line(version_1_0, Status::of(code), reason).map(|_| ()));
        assert_eq!(got.as_deref(), Ok(line), "{}", line.escape_ascii());
    }
}

#[test]
fn fields_are_checked() {
    let good: [(&[u8], &[u8], &[u8]); 4] = [
        (b"X", b"", b"X: \r\n"),
        (b"X-Foo", b"bar", b"X-Foo: bar\r\n"),
        (b"!#$%&'*+-.^_`|~09azAZ", b"\tv ", b"!#$%&'*+-.^_`|~09azAZ: \tv \r\n"),
        (b"Latin", b"caf\xE9", b"Latin: caf\xE9\r\n"),
    ];
    for (name, value, line) in good {
        assert_eq!(written(|head| head.field(name, value).map(|_| ())).as_deref(), Ok(line));
    }
    let bad: [(&[u8], &[u8]); 12] = [
        (b"", b"v"),
        (b"X Y", b"v"),
        (b"X:", b"v"),
        (b"X\r\nY", b"v"),
        (b"X\0", b"v"),
        (b"(X)", b"v"),
        (b"\xE9", b"v"),
        (b"X\x7F", b"v"),
        (b"X", b"a\r\nSet-Cookie: b"),
        (b"X", b"a\rb"),
        (b"X", b"a\nb"),
        (b"X", b"a\0b"),
    ];
    for (name, value) in bad {
        assert_eq!(written(|head| head.field(name, value).map(|_| ())), Err(EncodeError::InvalidField));
        assert_eq!(FieldLines::new().push(name, value), Err(EncodeError::InvalidField));
    }
}

#[test]
fn a_refused_field_leaves_no_trace() {
    let got = written(|head| {
        typical(head)?;
        assert!(head.field(b"X", b"\n").is_err());
        Ok(())
    });
    assert_eq!(got.as_deref(), Ok(TYPICAL));
}

#[test]
fn checked_lines_are_written_as_they_are() {
    let mut lines = FieldLines::new();
    lines.push(b"X-A", b"1").expect("valid");
    lines.push(b"X-B", b"2").expect("valid");
    assert_eq!(written(|head| head.field_lines(&lines).map(|_| ())).as_deref(), Ok(lines.as_bytes()));
    assert_eq!(lines.as_bytes(), b"X-A: 1\r\nX-B: 2\r\n");
}

/// A buffer of any length either takes the whole head or says `Full`, and a part that failed wrote nothing.
#[test]
fn every_short_buffer_is_full() {
    let whole = [TYPICAL, b"\r\n"].concat();
    for room in 0..=whole.len() {
        let mut buffer = vec![0xAA; room];
        let mut head = HeadWriter::new(&mut buffer);
        let result = typical(&mut head);
        let len = head.len();
        assert!(whole.starts_with(head.as_bytes()));
        let result = result.and_then(|()| head.end());
        if room == whole.len() {
            assert_eq!(result, Ok(room));
            assert_eq!(buffer, whole);
        } else {
            assert_eq!(result, Err(EncodeError::Full));
            assert!(buffer[len..].iter().all(|&byte| byte == 0xAA), "room {room}");
        }
    }
}

#[test]
fn a_prepared_head_renews_its_date() {
    let whole = [TYPICAL, b"\r\n"].concat();
    let prepared = PreparedHead::new(&whole);
    let later = DateStamp::new(0);
    let mut buffer = [0; 512];
    let len = prepared.write(&mut buffer, &later).expect("fits");
    let text =
        String::from_utf8_lossy(&buffer[..len]).replace("Thu, 01 Jan 1970 00:00:00", "Mon, 23 Nov 2026 13:10:52");
    assert_eq!(text.as_bytes(), whole);
    assert_eq!(prepared.write(&mut buffer[..len - 1], &later), Err(EncodeError::Full));
    assert_eq!(prepared.len(), len);
}

#[test]
fn a_prepared_head_leaves_foreign_dates_alone() {
    let rows: [&[u8]; 4] = [
        b"",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: today\r\nX: a long value after it\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nDate: \r\n\r\n",
    ];
    for head in rows {
        let mut buffer = [0; 128];
        let len = PreparedHead::new(head).write(&mut buffer, &STAMP).expect("fits");
        assert_eq!(&buffer[..len], head);
    }
}

proptest! {
    #[test]
    fn lengths_are_decimal(number in any::<u64>(), shift in 0..64_u32) {
        let number = number >> shift;
        let got = written(|head| head.content_length(number).map(|_| ()));
        prop_assert_eq!(got, Ok(format!("Content-Length: {number}\r\n").into_bytes()));
        let mut digits = [0; 20];
        prop_assert_eq!(decimal(number, &mut digits).to_vec(), number.to_string().into_bytes());
    }

    #[test]
    fn no_field_can_forge_a_line(name in "\\PC{0,8}", value in proptest::collection::vec(any::<u8>(), 0..32)) {
        if let Ok(line) = written(|head| head.field(name.as_bytes(), &value).map(|_| ())) {
            let text = line.strip_suffix(b"\r\n").expect("one line");
            prop_assert!(!text.iter().any(|byte| b"\r\n\0".contains(byte)));
            prop_assert!(text.starts_with(name.as_bytes()) && text.ends_with(&value));
        }
    }

    #[test]
    fn no_reason_can_forge_a_line(reason in proptest::collection::vec(any::<u8>(), 0..32)) {
        let line = written(|head| head.status_line(false, Status::OK, Some(&reason)).map(|_| ())).expect("fits");
        let text = line.strip_suffix(b"\r\n").expect("one line");
        prop_assert_eq!(text.len(), 13 + reason.len());
        prop_assert!(!text.iter().any(|&byte| byte.is_ascii_control() && byte != b'\t'));
    }
}
