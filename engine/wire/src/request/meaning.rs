//! What the recognised fields mean: framing, Host, Connection, Expect.

use super::head::{ConnectionOptions, Expect, RequestHead};
use crate::body::framing::{self, BodyFraming};
use crate::error::{Reject, RejectReason};
use crate::field::{KnownField, Lines, list};
use crate::target::is_authority;
use crate::version::Version;

/// Decides what the fields of a complete head mean, and whether it is refused for it.
#[inline]
pub(super) fn settle(head: &mut RequestHead, input: &[u8]) -> Result<(), Reject> {
    if head.known.has(KnownField::ContentLength) || head.known.has(KnownField::TransferEncoding) {
        head.facts.framing = framing(head, input)
            .map_err(|reason| reject(head, KnownField::TransferEncoding, KnownField::ContentLength, reason))?;
    }
    check_host(head, input).map_err(|reason| reject(head, KnownField::Host, KnownField::Host, reason))?;
    if head.known.has(KnownField::Connection) {
        head.facts.connection = connection(head, input);
    }
    if head.known.has(KnownField::Expect) {
        head.facts.expect = expect(head, input);
    }
    Ok(())
}

fn framing(head: &RequestHead, input: &[u8]) -> Result<BodyFraming, RejectReason> {
    let length = head.single(KnownField::ContentLength, input);
    let coding = head.single(KnownField::TransferEncoding, input);
    let framing = framing::of_request(head.facts.version, length, coding)?;
    if head.facts.tolerated && framing.announces_body() {
        return Err(RejectReason::ToleratedBody);
    }
    Ok(framing)
}

/// A refusal at the line of `field` or, if there is none, of `other`; else at the start.
#[cold]
fn reject(head: &RequestHead, field: KnownField, other: KnownField, reason: RejectReason) -> Reject {
    let line = head.known.line(field).or(head.known.line(other));
    Reject::new(reason, line.map_or(0, |line| head.outline.end(line - 1) + 1))
}

/// RFC 9112 section 3.2: exactly one in HTTP/1.1, valid if there is one in others.
#[inline]
fn check_host(head: &RequestHead, input: &[u8]) -> Result<(), RejectReason> {
    match head.single(KnownField::Host, input) {
        Lines::One(host) if is_authority(host) => Ok(()),
        Lines::One(_) => Err(RejectReason::HostSyntax),
        Lines::Many => Err(RejectReason::HostRepeated),
        Lines::None if head.facts.version < Version::Http11 => Ok(()),
        Lines::None => Err(RejectReason::HostMissing),
    }
}

#[inline]
fn connection(head: &RequestHead, input: &[u8]) -> ConnectionOptions {
    let mut options = ConnectionOptions::default();
    match head.single(KnownField::Connection, input) {
        Lines::One(value) => options.add(value),
        _ => head.fields(input).get_all(KnownField::Connection.name()).for_each(|value| options.add(value)),
    }
    options
}

impl ConnectionOptions {
    /// Takes in one Connection line. Nearly all are one of two words.
    #[inline]
    fn add(&mut self, value: &[u8]) {
        match value {
            b"keep-alive" => self.keep_alive = true,
            b"close" => self.close = true,
            _ => self.add_list(value),
        }
    }

    fn add_list(&mut self, value: &[u8]) {
        for option in list(value) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
            self.upgrade |= option.eq_ignore_ascii_case(b"upgrade");
        }
    }
}

/// Before HTTP/1.1 it is ignored (RFC 9110 section 10.1.1). An obscured or repeated one is not guessed at.
fn expect(head: &RequestHead, input: &[u8]) -> Expect {
    match head.single(KnownField::Expect, input) {
        _ if head.facts.version < Version::Http11 => Expect::None,
        Lines::None => Expect::None,
        Lines::One(value) if value.eq_ignore_ascii_case(b"100-continue") => Expect::Continue,
        _ => Expect::Unknown,
    }
}
