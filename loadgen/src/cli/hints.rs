//! Habits of other tools, answered with our words instead of a bare "unexpected argument".

use clap::error::{ContextKind, ContextValue, ErrorKind};

/// A flag of other tools and what to type here.
type Habit = (&'static [&'static str], &'static str);

const KEPT_ALIVE: &str = "connections are always kept alive; --no-keepalive opens one for each request";
const BODY: &str = "a body is --body TEXT or --body-file FILE, its method -m POST";
const RATE: &str = "a rate is -R N, requests a second of all connections together (an open loop)";
const STREAMS: &str = "requests in flight on a connection are --pipeline N";
const TLS: &str = "https has its own issue and is not built yet; measure the plain HTTP port behind it";
const ONE_PROTOCOL: &str = "HTTP/1.1 is what is spoken";
const FIELD: &str = "any field is -H 'Name: value'";
const TARGET: &str = "this is a server's flag; the target stands in the URL: localhost:8000";
const VERSION: &str = "the version is -V or --version";
const NO_SERVER: &str = "this is a server's flag, and this program is none; `slipring` is";

/// Flags that are not ours, by what they mean elsewhere.
const HABITS: &[Habit] = &[
    (&["-q", "--qps", "--rps", "-r", "--rate-period", "--burst-rate", "--burst-delay"], RATE),
    (&["-z"], "the duration is -d, as in -d 10s"),
    (&["-D"], "the duration is -d, as in -d 10s; a body from a file is --body-file"),
    (&["-k", "--keepalive", "--keep-alive", "--disable-keepalive", "-disable-keepalive"], KEPT_ALIVE),
    (&["-s", "--script"], "there are no scripts; several URLs are --urls FILE, numbers in them {seq} and {rand:A-B}"),
    (&["-i", "--input-file", "--urls-from-file", "--rand-regex-url"], "several URLs are --urls FILE, one a line"),
    (
        &["-p", "--max-concurrent-streams", "--no-tls-proto"],
        "requests in flight on a connection are --pipeline N; a port stands in the URL",
    ),
    (&["-b", "--bind", "--host", "-host", "--interfaces", "--port"], TARGET),
    (&["--data", "--data-raw", "--data-binary", "--body-path", "-Z", "--body-path-lines", "-F", "--form"], BODY),
    (&["-T", "--content-type", "-A", "--accept", "--user-agent", "--cookie"], FIELD),
    (&["-a", "--basic-auth", "--user"], "a password is a field: -H 'Authorization: Basic ...'"),
    (&["-w", "--workers", "-cpus", "--cpus"], "threads are -t, their cores --cores, connections -c"),
    (&["-x", "--proxy", "--proxy-header"], "there is no proxy; --connect-to HOST:PORT dials another place"),
    (&["--unix-socket", "--uds"], "a Unix socket is --unix PATH"),
    (
        &["-U", "--u_latency", "--latency-correction", "-B", "--batch_latency"],
        "with -R response times count from the intended send, always",
    ),
    (&["-l", "--print-latency"], "percentiles are always printed"),
    (&["--warm-up-time"], "the warm-up is --warmup TIME"),
    (
        &["-N", "--connection-inactivity-timeout", "--connection-active-timeout"],
        "a request's time is limited by --timeout TIME",
    ),
    (&["-u", "--url", "--base-uri"], "the URL is given without a flag"),
    (&["--insecure", "--cacert", "--cert", "--key", "--ciphers", "--tls-cert", "--tls-key", "--sni"], TLS),
    (
        &["--http2", "-h2", "-2", "--h1", "--http1.1", "--http-version", "--http3", "--npn-list", "--alpn-list"],
        ONE_PROTOCOL,
    ),
    (&["-f", "--frame-size", "-W", "--window-bits", "--connection-window-bits", "--header-table-size"], ONE_PROTOCOL),
    (
        &["-o", "--output", "--output-format", "-e", "--log-file", "--db-url"],
        "reports are --json, --csv, --hgrm, --hdr-log, --html, --summary-md FILE, or --out DIR",
    ),
    (&["--no-tui", "--fps"], "there is a progress line on a terminal only; --quiet leaves it out"),
    (&["--no-color", "--disable-color"], "colours are --color never"),
    (
        &["--disable-compression", "-disable-compression"],
        "nothing is asked to be compressed; -H 'Accept-Encoding: gzip' asks",
    ),
    (
        &["--redirect", "--disable-redirects", "-disable-redirects", "--location"],
        "redirects are counted by their status, never followed",
    ),
    (&["--ipv4", "--ipv6", "-4", "-6", "--no-pre-lookup"], "give the address itself in the URL, or with --connect-to"),
    (&["--timing-script-file"], "a rate over time is --stage 30s@1000..5000, repeatable"),
    (&["-v", "--verbose"], VERSION),
    (&["-y", "--time-limit"], "the duration is -d TIME, and -n N ends it earlier"),
    (
        &[
            "-P",
            "--protocol",
            "--cgi",
            "--directory",
            "--index",
            "--spa",
            "--upload-files",
            "--qrcode",
            "--auth",
            "--title",
        ],
        NO_SERVER,
    ),
    (&["-S", "--silent", "--no-progress"], "--quiet leaves the progress line out"),
];

/// Values of our flags that mean something else elsewhere: flag, whether the value is meant, and what to type.
type Value = (&'static str, fn(&str) -> bool, &'static str);

const VALUES: &[Value] = &[
    ("--duration", is_body, BODY),
    ("--duration", is_single_dash_word, KEPT_ALIVE),
    ("--duration", is_path, BODY),
    ("--duration", |_| true, "-d is how long to measure: 10, 10s, 500ms, 1m"),
    (
        "--threads",
        is_time,
        "a request's time is limited by --timeout TIME; the measured time is -d TIME; -t is the number of threads",
    ),
    ("--threads", |_| true, "-t is the number of threads, as in wrk"),
    ("--connections", |_| true, "-c is the number of connections"),
    ("--method", is_number, STREAMS),
    ("--requests", is_time, "-n is a number of requests; the measured time is -d TIME"),
    ("--requests", |_| true, "-n is a number of requests"),
    ("--rate", |_| true, "-R is requests a second of all connections together, such as 1000 or 0.5"),
    ("<URL>", |value| value.starts_with("https:"), TLS),
    ("[URL]", |value| value.starts_with("https:"), TLS),
];

/// Words that clap would take apart into letters that we have, `-h` for help among them.
const WHOLE_WORDS: &[&str] =
    &["-host", "-h2", "-cpus", "-disable-keepalive", "-disable-compression", "-disable-redirects"];

/// A word that is refused before anything else is looked at, and the hint.
pub(super) fn refused(words: &[String]) -> Option<(&str, &'static str)> {
    let word = words.iter().skip(1).find(|word| WHOLE_WORDS.contains(&name_of(word)))?;
    Some((word, habit(name_of(word))?))
}

/// What to tell someone whose words were not understood.
pub(super) fn hint(error: &clap::Error) -> Option<&'static str> {
    let text = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => Some(text.as_str()),
        _ => None,
    };
    let argument = text(ContextKind::InvalidArg)?;
    match error.kind() {
        ErrorKind::UnknownArgument => habit(name_of(argument)),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            // `--threads <N>`, or the name of a value without a flag.
            let flag = argument.split(' ').next()?;
            let value = text(ContextKind::InvalidValue).unwrap_or_default();
            VALUES.iter().find(|(name, applies, _)| *name == flag && applies(value)).map(|row| row.2)
        }
        _ => None,
    }
}

fn habit(name: &str) -> Option<&'static str> {
    HABITS.iter().find(|(flags, _)| flags.contains(&name)).map(|row| row.1)
}

/// `--rps` of `--rps=5`.
fn name_of(word: &str) -> &str {
    word.split_once('=').map_or(word, |(name, _)| name)
}

fn is_body(value: &str) -> bool {
    value.starts_with(['{', '[', '@', '"', '<']) || value.contains('=')
}

/// `-disable-...`, which is `-d` with a value to clap.
fn is_single_dash_word(value: &str) -> bool {
    value.starts_with("isable-")
}

/// `-d body.json`: a name with an ending, or a path.
fn is_path(value: &str) -> bool {
    value.contains('/')
        || value.rsplit_once('.').is_some_and(|(_, ending)| ending.starts_with(|c: char| c.is_alphabetic()))
}

fn is_number(value: &str) -> bool {
    value.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_time(value: &str) -> bool {
    value.starts_with(|c: char| c.is_ascii_digit()) && value.ends_with(['s', 'm', 'h'])
}

#[cfg(test)]
#[path = "hints_tests.rs"]
mod tests;
