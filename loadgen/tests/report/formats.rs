//! JSON, text, CSV, Markdown.

use serde_json::Value;
use slipring_load::report::{CSV_COLUMNS, Paint, Report, Run};

use super::{report, samples};

/// The schema, and a strict one that knows of no field but its own: a field without a description fails the test.
fn schemas() -> [jsonschema::Validator; 2] {
    let text = include_str!("../../../docs/schema/run.json");
    let build = |text: &str| {
        let schema: Value = serde_json::from_str(text).expect("the schema is JSON");
        jsonschema::draft202012::new(&schema).expect("the schema is a schema")
    };
    let closed = "\"additionalProperties\": false";
    [build(text), build(&text.replace("\"additionalProperties\": true", closed))]
}

#[test]
fn every_json_keeps_its_schema_and_its_counts_add_up() {
    let schemas = schemas();
    for (name, run) in samples::all() {
        let report = report(&run);
        let json: Value = serde_json::from_str(&report.json()).expect("JSON");
        for schema in &schemas {
            let complaints: Vec<_> = schema.iter_errors(&json).map(|e| format!("{}: {e}", e.instance_path())).collect();
            assert_eq!(complaints, [""; 0], "{name}");
        }
        assert_eq!(report.run.miscounts(), [""; 0], "{name}");
        assert_eq!(serde_json::from_value::<Run>(json).expect("a document"), report.run, "{name}");
    }
}

#[test]
fn the_schema_can_fail() {
    let json: Value = serde_json::from_str(&report(&samples::valid()).json()).expect("JSON");
    let spoil: [fn(&mut Value); 5] = [
        |json| json["schema"] = "slipring-load/2".into(),
        |json| json["requests"]["due"] = Value::Null,
        |json| json["response_time_us"]["p99"] = "fast".into(),
        |json| json["verdict"] = "fine".into(),
        |json| drop(json.as_object_mut().expect("an object").remove("series")),
    ];
    for spoil in spoil {
        let mut json = json.clone();
        spoil(&mut json);
        assert!(!schemas()[0].is_valid(&json));
    }
}

#[test]
fn counts_that_do_not_add_up_are_named() {
    let run = report(&samples::valid()).run;
    let spoil: [(fn(&mut Run), &str); 4] = [
        (|run| run.requests.shed += 1, "due = sent + shed + dropped: 200000 is not 200001"),
        (|run| run.requests.unanswered += 1, "sent = completed + failed + unanswered"),
        (|run| run.requests.ok += 1, "completed = ok + errors.status"),
        (|run| *run.status.entry("200".to_owned()).or_default() -= 1, "completed = the sum of status"),
    ];
    for (spoil, rule) in spoil {
        let mut run = run.clone();
        spoil(&mut run);
        let found = run.miscounts();
        assert!(found.len() == 1 && found[0].starts_with(rule), "{found:?}");
    }
}

#[test]
fn what_was_withheld_is_null_and_what_is_a_bound_is_named() {
    let json: Value = serde_json::from_str(&report(&samples::suspect()).json()).expect("JSON");
    let times = &json["response_time_us"];
    assert!(times["p90"].is_number() && times["p99"].is_number());
    assert_eq!([&times["p99_99"], &times["p99_999"], &times["stdev"]], [&Value::Null; 3]);
    let names = ["mean", "p99", "p99_9", "max"].map(|name| format!("response_time_us.{name}"));
    assert_eq!(json["censored"], serde_json::json!(names));
    assert_eq!(times["lower_bounds"]["count"], 600);
    let from_us = times["lower_bounds"]["from_us"].as_f64().expect("a number");
    assert!(from_us <= 5e6 && from_us > 4.995e6, "{from_us}");

    let json: Value = serde_json::from_str(&report(&samples::closed()).json()).expect("JSON");
    assert_eq!([&json["response_time_us"], &json["rate"]["offered"]], [&Value::Null; 2]);
    assert_eq!(json["samples"], json["service_time_us"]["samples"]);
    let json: Value = serde_json::from_str(&report(&samples::refused()).json()).expect("JSON");
    assert_eq!([&json["service_time_us"], &json["target"]], [&Value::Null; 2]);
}

#[test]
fn a_run_cut_short_has_no_intervals_for_the_rest() {
    let run = report(&samples::interrupted()).run;
    assert_eq!(run.series.len(), 5);
    assert!((run.series[4].duration_s - 0.25).abs() < 1e-9);
    assert_eq!(run.series.iter().map(|interval| interval.completed).sum::<u64>(), run.requests.completed);
}

#[test]
fn the_text_says_what_there_is_to_know() {
    let rows: [(_, &[&str]); 5] = [
        (
            samples::valid(),
            &[
                "open loop: 10,000 requests/s, constant arrivals\nVALID: nothing speaks against these figures\n",
                "requests/s    10,000 offered, 10,000 sent, 10,000 achieved\n",
                "64 of 64 connections, pipeline 1, 1 thread, 20 s after 1 s of warm-up",
                "requests      200,000 due, 200,000 sent, 200,000 completed\n",
                "\ntarget             9.000 us   2 processes, found by listener, 18.40 MB resident\n",
                "\nmachine           31.000 us",
                "threshold     p99<5ms passed, measured 0.9\n",
            ],
        ),
        (
            samples::suspect(),
            &[
                "SUSPECT: read the figures",
                "  suspect censored: 600 times are only lower bounds",
                "(2.4, limit 1)\n",
                "  note target_errors: more than 0.1%",
                "\np99              > 5.00 s      367 us",
                "\np99.99                  -           -",
                "\ngiven up              600",
                "errors        timeout 600, status 13\n",
                "threshold     p99.999<1s FAILED, withheld\n",
            ],
        ),
        (
            samples::invalid(),
            &["INVALID: the instrument did not measure", "9,000 shed\n", "  invalid behind_schedule: "],
        ),
        (
            samples::closed(),
            &["closed loop: percentiles are service time; queueing is not seen; use -R\n", "requests/s    8,000\n"],
        ),
        (samples::refused(), &["0 of 64 connections", "no answer was measured", "refused       connection refused\n"]),
    ];
    for (run, parts) in rows {
        let text = report(&run).text(Paint::Plain);
        for part in parts {
            assert!(text.contains(part), "{part:?} in\n{text}");
        }
        let long = text.lines().find(|line| line.chars().count() > 100 && !line.starts_with("  "));
        assert_eq!(long, None, "reasons alone may be longer than 100");
        assert!(!text.contains('\x1b'));
    }
    let first = report(&samples::closed()).text(Paint::Plain);
    assert!(first.starts_with("closed loop"));
    assert!(report(&samples::invalid()).text(Paint::Colour).contains("\x1b[1;31mINVALID\x1b[0m"));
}

#[test]
fn csv_has_one_figure_a_line() {
    for (name, run) in samples::all() {
        let csv = report(&run).csv();
        let mut lines = csv.split_terminator("\r\n").map(|line| line.split(',').collect::<Vec<_>>());
        assert_eq!(lines.next(), Some(CSV_COLUMNS.split(',').collect()));
        for cells in lines {
            assert_eq!(cells.len(), 7, "{name}: {cells:?}");
            assert_eq!(cells[4].is_empty(), cells[6] == "withheld", "{name}: {cells:?}");
            assert!(cells[4].is_empty() || cells[4].parse::<f64>().is_ok(), "{name}: {cells:?}");
        }
    }
    let csv = report(&samples::suspect()).csv();
    let value = |start: &str| csv.lines().find(|line| line.starts_with(start)).map(str::to_owned).unwrap_or_default();
    assert!(value("time,response_time,,p99,").ends_with(",us,at_least"));
    assert_eq!(value("time,response_time,,p99_99,"), "time,response_time,,p99_99,,us,withheld");
    assert_eq!(value("series,interval,6,errors,"), "series,interval,6,errors,600,requests,exact");
    assert_eq!(value("requests,run,,failed,"), "requests,run,,failed,600,requests,exact");
}

#[test]
fn markdown_takes_the_text_of_others_as_text() {
    let mut run = samples::invalid();
    run.setup.url = "http://a/`<script>`|x".to_owned();
    let summary = report(&run).summary_md();
    assert!(summary.starts_with("### ❌ invalid: GET `http://a/<script>|x`\n"), "{summary}");
    assert!(summary.contains("&lt;b>shared&lt;/b>") && !summary.contains("<b>"));
    assert!(summary.contains("| p99 | "));
    let rows: Vec<usize> =
        summary.lines().filter(|line| line.starts_with("| p")).map(|line| line.matches('|').count()).collect();
    assert!(rows.windows(2).all(|two| two[0] == two[1]));
}

#[test]
fn the_page_escapes_and_fetches_nothing() {
    for (name, run) in samples::all() {
        let page = report(&run).html();
        for forbidden in ["<script", "<link rel=\"stylesheet", "src=", "@import", "url(", "<b>shared", "href=\"http"] {
            assert!(!page.contains(forbidden), "{name}: {forbidden}");
        }
        let body = page.find("<body>").expect("a body");
        assert!(page[body..].starts_with("<body>\n<header class=\"verdict "), "{name}: the verdict is the first thing");
        assert_eq!(page.matches("<svg class=\"plot wide\"").count(), page.matches("<details>").count(), "{name}");
    }
    let page = report(&samples::suspect()).html();
    for title in ["Latency by percentile", "Rate over time", "Latency over time", "Schedule lag"] {
        assert!(page.contains(&format!("<h2>{title}</h2>")), "{title}");
    }
}

#[test]
fn the_tool_names_itself() {
    let Report { run, .. } = report(&samples::valid());
    assert_eq!(run.tool.version, env!("CARGO_PKG_VERSION"));
    let hex = |commit: &String| commit.trim_end_matches("-dirty").chars().all(|c| c.is_ascii_hexdigit());
    assert!(run.tool.commit.as_ref().is_none_or(hex), "{:?}", run.tool.commit);
}
