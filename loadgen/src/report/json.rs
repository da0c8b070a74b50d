//! The JSON of a run, schema `slipring-load/1`: what this version does not measure is null, never 0.

use serde_json::{Map, Value, json};

use super::{quantile_us, us};
use crate::record::{ErrorKind, RunRecord, ThreadCpu};

const PERCENTILES: [(&str, f64); 7] = [
    ("p50", 0.5),
    ("p75", 0.75),
    ("p90", 0.9),
    ("p99", 0.99),
    ("p99_9", 0.999),
    ("p99_99", 0.9999),
    ("p99_999", 0.99999),
];

/// The record as one JSON object. `command` is the command line, `exit_status` what the process will end with.
pub fn json(run: &RunRecord, command: &[String], exit_status: u8) -> Value {
    let record = &run.record;
    json!({
        "schema": "slipring-load/1",
        "tool": { "version": env!("CARGO_PKG_VERSION"), "commit": null },
        "started_at": rfc3339(run.started_s),
        "command": command,
        "config": config(run),
        "host": {
            "kernel": run.host.kernel,
            "cpu": run.host.cpu,
            "cores": run.host.cores,
            "quota": null,
            "governor": null,
            "virt": null,
            "congestion": run.host.congestion,
        },
        "url": run.setup.url,
        "urls": [run.setup.url],
        "connections": {
            "asked": record.connections.asked,
            "opened": record.connections.opened,
            "failed": record.connections.failed,
            "reconnects": record.connections.reconnects,
        },
        "threads": run.setup.threads,
        "duration_s": run.measured_ns as f64 / 1e9,
        "requests": requests(run),
        "status": statuses(run),
        "bytes": { "wire": record.bytes.wire, "body": record.bytes.body, "sent": record.bytes.sent },
        "errors": errors(run),
        "rate": { "offered": null, "achieved": run.rate() },
        "response_time_us": null,
        "service_time_us": service_time(run),
        "connect_time_us": null,
        "first_byte_us": null,
        "schedule_lag_us": null,
        "samples": record.service.len() + record.error_response.len(),
        "clamped": run.times().clamped(),
        "censored": null,
        "stages": [],
        "series": [],
        "thresholds": [],
        "generator": generator(run),
        "target": run.target_us_per_request().map(|us| json!({ "cpu_us_per_request": us })),
        "machine_cpu_us_per_request": null,
        "verdict": null,
        "reasons": [],
        "target_notes": notes(run),
        "interrupted": run.interrupted,
        "exit_status": exit_status,
    })
}

fn config(run: &RunRecord) -> Value {
    let setup = &run.setup;
    json!({
        "loop": "closed",
        "method": setup.method,
        "address": setup.address,
        "request_bytes": setup.request_bytes,
        "connections": setup.connections,
        "threads": setup.threads,
        "pipeline": setup.pipeline,
        "warmup_s": setup.warmup_ns as f64 / 1e9,
        "duration_s": setup.duration_ns as f64 / 1e9,
        "cores": setup.cores,
        "congestion": setup.congestion,
        "seed": null,
    })
}

/// A closed loop has no schedule: what was sent was due, nothing is shed or dropped.
fn requests(run: &RunRecord) -> Value {
    let requests = &run.record.requests;
    json!({
        "due": requests.sent,
        "sent": requests.sent,
        "completed": requests.completed,
        "ok": run.record.ok(),
        "failed": requests.failed,
        "unanswered": requests.unanswered,
        "shed": 0,
        "dropped": 0,
    })
}

fn statuses(run: &RunRecord) -> Value {
    run.record.statuses().map(|(status, count)| (status.to_string(), Value::from(count))).collect::<Map<_, _>>().into()
}

fn errors(run: &RunRecord) -> Value {
    let record = &run.record;
    let mut errors: Map<_, _> =
        ErrorKind::ALL.map(|kind| (kind.name().to_owned(), Value::from(record.errors(kind)))).into_iter().collect();
    errors.insert("status".to_owned(), Value::from(record.requests.completed - record.ok()));
    errors.insert("check".to_owned(), Value::Null);
    errors.insert("dns".to_owned(), Value::from(0));
    errors.into()
}

fn service_time(run: &RunRecord) -> Value {
    let times = run.record.service.histogram();
    if times.is_empty() {
        return Value::Null;
    }
    let mut out = Map::new();
    out.insert("mean".to_owned(), (times.mean() / 1e3).into());
    out.insert("stdev".to_owned(), (times.stdev() / 1e3).into());
    out.insert("min".to_owned(), us(times.min()).into());
    for (name, quantile) in PERCENTILES {
        out.insert(name.to_owned(), quantile_us(times, quantile).into());
    }
    out.insert("max".to_owned(), us(times.max()).into());
    out.into()
}

fn generator(run: &RunRecord) -> Value {
    let shares: Vec<_> = run.threads.iter().map(ThreadCpu::percent).collect();
    json!({ "cpu_percent_per_thread": shares, "cpu_us_per_request": run.generator_us_per_request() })
}

fn notes(run: &RunRecord) -> Vec<&'static str> {
    let record = &run.record;
    let failures = record.requests.failed + record.requests.unanswered;
    let notes = [
        ("closed_loop", true),
        ("target_errors", failures * 1000 > record.requests.sent),
        ("connections_short", record.connections.failed > 0),
        ("reconnects", record.connections.reconnects > 0),
    ];
    notes.into_iter().filter_map(|(note, applies)| applies.then_some(note)).collect()
}

/// Seconds since 1970-01-01 as RFC 3339 in UTC.
fn rfc3339(secs: u64) -> String {
    let (days, time) = ((secs / 86_400) as i64, secs % 86_400);
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}Z", time / 3600, time / 60 % 60, time % 60)
}

/// Days since 1970-01-01 as a date of the Gregorian calendar: years are counted from March, so that the leap day is
/// the last of its year, in eras of 400 years.
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day_of_year = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (year + era * 400 + i64::from(month <= 2), month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let rows = [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ];
        for (secs, text) in rows {
            assert_eq!(rfc3339(secs), text);
        }
    }

    #[test]
    fn counts_add_up_and_what_was_not_measured_is_null() {
        let mut run = RunRecord { measured_ns: 1_000_000_000, ..RunRecord::default() };
        (1..=2_000_u64).for_each(|i| run.record.completed(i * 1_000, if i % 10 == 0 { 503 } else { 200 }));
        run.record.settle();
        run.record.requests.sent = 2_003;
        run.record.requests.failed = 3;
        let json = json(&run, &[], 0);
        assert_eq!(json["requests"]["ok"], 1800);
        assert_eq!(json["errors"]["status"], 200);
        assert_eq!(json["status"]["503"], 200);
        assert_eq!(json["rate"]["achieved"], 2000.0);
        assert!(json["service_time_us"]["p99"].as_f64().is_some_and(|p99| (p99 - 1_981.0).abs() < 2.5));
        assert_eq!(json["service_time_us"]["p99_9"], Value::Null);
        assert_eq!(json["response_time_us"], Value::Null);
        assert_eq!(json["target_notes"], json!(["closed_loop", "target_errors"]));
    }
}
