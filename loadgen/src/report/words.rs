//! What the codes of a document mean, in sentences for people.

use super::document::Run;

/// The first line of a report: how the load was paced, and what that hides.
pub(super) fn pace(run: &Run) -> String {
    match run.config.rate {
        None => "closed loop: percentiles are service time; queueing is not seen; use -R".to_owned(),
        Some(rate) => {
            let arrivals = run.config.arrivals.as_deref().unwrap_or("constant");
            format!("open loop: {} requests/s, {arrivals} arrivals", super::figure::rate(Some(rate)))
        }
    }
}

/// What a verdict means.
pub(super) fn verdict(verdict: &str) -> &'static str {
    match verdict {
        "valid" => "nothing speaks against these figures",
        "suspect" => "read the figures with the reasons beside them",
        _ => "the instrument did not measure what it was asked to; do not use the figures",
    }
}

/// What a note means; the note itself where this version does not know it.
pub(super) fn note(code: &str) -> &str {
    match code {
        "closed_loop" => "closed loop: percentiles are service time; queueing is not seen; use -R",
        "target_overloaded" => "the target did not keep up with the offered rate",
        "target_errors" => "more than 0.1% of the requests failed or were answered with an error",
        "connections_short" => "the target did not take all connections",
        "reconnects" => "connections ended and were opened again",
        "shared_core" => "generator and target shared cores, on both arms alike",
        other => other,
    }
}

/// A distribution by its field's name.
pub(super) fn times(field: &str) -> &str {
    match field {
        "response_time_us" => "response",
        "service_time_us" => "service",
        "error_response_time_us" => "from 400",
        "connect_time_us" => "connect",
        "first_use_us" => "first use",
        "first_byte_us" => "first byte",
        "schedule_lag_us" => "lag",
        other => other,
    }
}
