//! Tables of heads, and the properties that hold for every head.

use proptest::prelude::*;
use slipring_scan::Kernel;

use super::*;
use crate::body::framing::BodyFraming;
use crate::command::Command;
use crate::error::{RejectClass, RejectReason};
use crate::field::{Field, KnownField};
use crate::limits::Limits;
use crate::target::TargetForm;
use crate::version::Version;

mod heads;
mod properties;

/// Parses with every kernel and without any, in both tolerances; answers what they agree on for `tolerance`.
fn parse(input: &[u8], tolerance: Tolerance) -> (Parsed, RequestHead) {
    parse_within(input, &Limits::COMMAND, tolerance)
}

fn parse_within(input: &[u8], limits: &Limits, tolerance: Tolerance) -> (Parsed, RequestHead) {
    let mut patient = RequestHead::new();
    let expected = patient.parse_patiently(input, limits, tolerance);
    for kernel in Kernel::all() {
        let mut head = RequestHead::with_kernel(kernel);
        // What an earlier head left behind must not show.
        let dirt = b"POST * HTTP/1.0\r\nHost: x\r\nHost: y\r\nConnection: close\r\nExpect: 1\r\nRange: 1\r\n\r\n";
        let _ = head.parse(dirt, limits, tolerance);
        let parsed = head.parse(input, limits, tolerance);
        assert_eq!(parsed, expected, "{} on {}", kernel.name(), input.escape_ascii());
        if parsed == Parsed::Complete {
            assert_same(&head, &patient, input);
        }
    }
    (expected, patient)
}

fn assert_same(head: &RequestHead, other: &RequestHead, input: &[u8]) {
    assert_eq!(head.facts, other.facts, "{}", input.escape_ascii());
    let fields = |head: &RequestHead| head.fields(input).iter().map(|f| (f.name.to_vec(), f.value.to_vec())).collect();
    let (ours, theirs): (Vec<_>, Vec<_>) = (fields(head), fields(other));
    assert_eq!(ours, theirs, "{}", input.escape_ascii());
    for field in KnownField::ALL {
        assert_eq!(head.single(field, input), other.single(field, input), "{field:?} in {}", input.escape_ascii());
    }
}
