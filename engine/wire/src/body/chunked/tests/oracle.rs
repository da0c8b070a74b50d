//! The verdict on a coded body from the grammar of RFC 9112 section 7.1, written down rule by rule over the whole input.

use super::Verdict;

enum Stop {
    Unfinished,
    Bad(usize),
}

struct Reader<'a> {
    input: &'a [u8],
    at: usize,
}

pub fn decode(input: &[u8]) -> Verdict {
    let mut reader = Reader { input, at: 0 };
    match reader.chunked_body() {
        Ok(data) => Verdict::Whole(data, reader.at),
        Err(Stop::Unfinished) => Verdict::Unfinished,
        Err(Stop::Bad(at)) => Verdict::Bad(at as u64),
    }
}

const TOKEN: &str = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

fn token(byte: u8) -> bool {
    TOKEN.as_bytes().contains(&byte)
}

fn blank(byte: u8) -> bool {
    byte == 9 || byte == 32
}

fn text(byte: u8) -> bool {
    byte == 9 || (32..127).contains(&byte) || byte >= 128
}

impl Reader<'_> {
    fn chunked_body(&mut self) -> Result<Vec<u8>, Stop> {
        let mut data = Vec::new();
        loop {
            let size = self.chunk_size()?;
            self.extensions()?;
            self.literal(b"\r\n")?;
            if size == 0 {
                break;
            }
            for _ in 0..size {
                data.push(self.one_of(|_| true)?);
            }
            self.literal(b"\r\n")?;
        }
        while self.peek()? != b'\r' {
            self.many(token)?;
            self.literal(b":")?;
            while text(self.peek()?) {
                self.at += 1;
            }
            self.literal(b"\r\n")?;
        }
        self.literal(b"\r\n")?;
        Ok(data)
    }

    fn chunk_size(&mut self) -> Result<u64, Stop> {
        let start = self.at;
        self.one_of(|byte| byte.is_ascii_hexdigit())?;
        while self.peek()?.is_ascii_hexdigit() {
            if self.at - start == 16 {
                return Err(Stop::Bad(self.at));
            }
            self.at += 1;
        }
        let digits = std::str::from_utf8(&self.input[start..self.at]).expect("digits");
        Ok(u64::from_str_radix(digits, 16).expect("16 digits at most"))
    }

    fn extensions(&mut self) -> Result<(), Stop> {
        loop {
            let blanks = self.blanks()?;
            if self.peek()? != b';' {
                // A blank that no semicolon follows belongs to no rule.
                return if blanks > 0 { Err(Stop::Bad(self.at)) } else { Ok(()) };
            }
            loop {
                self.literal(b";")?;
                self.blanks()?;
                self.many(token)?;
                let blanks = self.blanks()?;
                match self.peek()? {
                    b'=' => break,
                    b';' => {}
                    _ if blanks > 0 => return Err(Stop::Bad(self.at)),
                    _ => return Ok(()),
                }
            }
            self.literal(b"=")?;
            self.blanks()?;
            if self.peek()? == b'"' { self.quoted()? } else { self.many(token)? }
        }
    }

    fn quoted(&mut self) -> Result<(), Stop> {
        self.literal(b"\"")?;
        while self.peek()? != b'"' {
            if self.one_of(text)? == b'\\' {
                self.one_of(text)?;
            }
        }
        self.literal(b"\"")
    }

    fn blanks(&mut self) -> Result<usize, Stop> {
        let start = self.at;
        while blank(self.peek()?) {
            self.at += 1;
        }
        Ok(self.at - start)
    }

    fn many(&mut self, class: fn(u8) -> bool) -> Result<(), Stop> {
        self.one_of(class)?;
        while class(self.peek()?) {
            self.at += 1;
        }
        Ok(())
    }

    fn literal(&mut self, bytes: &[u8]) -> Result<(), Stop> {
        for &wanted in bytes {
            if self.peek()? != wanted {
                return Err(Stop::Bad(self.at));
            }
            self.at += 1;
        }
        Ok(())
    }

    fn one_of(&mut self, class: fn(u8) -> bool) -> Result<u8, Stop> {
        let byte = self.peek()?;
        if !class(byte) {
            return Err(Stop::Bad(self.at));
        }
        self.at += 1;
        Ok(byte)
    }

    fn peek(&self) -> Result<u8, Stop> {
        self.input.get(self.at).copied().ok_or(Stop::Unfinished)
    }
}
