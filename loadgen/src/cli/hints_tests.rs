//! Each tool's own words, as its users type them, and what they are told.

use clap::Parser as _;

use super::super::options::Words;
use super::*;

/// Tool, words, a part of the hint.
const ROWS: &[(&str, &str, &str)] = &[
    ("wrk", "-s post.lua http://x/", "--urls"),
    ("wrk", "--script post.lua http://x/", "{seq}"),
    ("wrk", "-v http://x/", "--version"),
    ("wrk2", "-U http://x/", "intended send"),
    ("wrk2", "-B http://x/", "intended send"),
    ("oha", "-q 100 http://x/", "-R"),
    ("oha", "-z 10s http://x/", "-d"),
    ("oha", "-p 10 http://x/", "--pipeline"),
    ("oha", "-w http://x/", "-t"),
    ("oha", "--no-tui http://x/", "--quiet"),
    ("oha", "--fps 16 http://x/", "--quiet"),
    ("oha", "-t 30s http://x/", "--timeout"),
    ("oha", "-d body=1 http://x/", "--body"),
    ("oha", "-D body.json http://x/", "--body-file"),
    ("oha", "-Z lines http://x/", "--body"),
    ("oha", "-F a=b http://x/", "--body"),
    ("oha", "-T text/html http://x/", "-H"),
    ("oha", "-A text/html http://x/", "-H"),
    ("oha", "-a me:pw http://x/", "Authorization"),
    ("oha", "-x proxy:80 http://x/", "--connect-to"),
    ("oha", "--http-version 2 http://x/", "HTTP/1.1"),
    ("oha", "--http2 http://x/", "HTTP/1.1"),
    ("oha", "--host name http://x/", "URL"),
    ("oha", "--disable-compression http://x/", "Accept-Encoding"),
    ("oha", "--redirect 5 http://x/", "never followed"),
    ("oha", "--disable-keepalive http://x/", "--no-keepalive"),
    ("oha", "--no-pre-lookup http://x/", "address"),
    ("oha", "--ipv4 http://x/", "address"),
    ("oha", "--cacert a.pem http://x/", "https"),
    ("oha", "--insecure http://x/", "https"),
    ("oha", "--unix-socket /s http://x/", "--unix"),
    ("oha", "--urls-from-file f", "--urls"),
    ("oha", "--rand-regex-url http://x/[a-z]", "--urls"),
    ("oha", "--burst-rate 5 http://x/", "-R"),
    ("oha", "--latency-correction http://x/", "intended send"),
    ("oha", "--no-color http://x/", "--color"),
    ("oha", "--output-format json http://x/", "--json"),
    ("oha", "-o f http://x/", "--json"),
    ("oha", "--db-url f http://x/", "--json"),
    ("hey", "-q 5 http://x/", "-R"),
    ("hey", "-z 10s http://x/", "-d"),
    ("hey", "-t 20s http://x/", "--timeout"),
    ("hey", "-d {\"a\":1} http://x/", "--body"),
    ("hey", "-host name http://x/", "URL"),
    ("hey", "-h2 http://x/", "HTTP/1.1"),
    ("hey", "-cpus 2 http://x/", "--cores"),
    ("hey", "-disable-keepalive http://x/", "--no-keepalive"),
    ("hey", "-disable-compression http://x/", "Accept-Encoding"),
    ("hey", "-disable-redirects http://x/", "never followed"),
    ("h2load", "-m 100 http://x/", "--pipeline"),
    ("h2load", "-i urls.txt", "--urls"),
    ("h2load", "-r 10 http://x/", "-R"),
    ("h2load", "--rps 10 http://x/", "-R"),
    ("h2load", "--rps=10 http://x/", "-R"),
    ("h2load", "-D 10 http://x/", "-d"),
    ("h2load", "-d body.json http://x/", "--body"),
    ("h2load", "-p h2c http://x/", "--pipeline"),
    ("h2load", "--h1 http://x/", "HTTP/1.1"),
    ("h2load", "-f 16k http://x/", "HTTP/1.1"),
    ("h2load", "-W 20 http://x/", "HTTP/1.1"),
    ("h2load", "-N 5 http://x/", "--timeout"),
    ("h2load", "-B http://x/ -i f", "intended send"),
    ("h2load", "--ciphers x http://x/", "https"),
    ("h2load", "--npn-list h2 http://x/", "HTTP/1.1"),
    ("h2load", "--warm-up-time 5 http://x/", "--warmup"),
    ("h2load", "--timing-script-file f", "--stage"),
    ("h2load", "--log-file f http://x/", "--json"),
    ("ab", "-k http://x/", "--no-keepalive"),
    ("ab", "-l http://x/", "always printed"),
    ("ab", "-n 10s http://x/", "-d TIME"),
    ("curl", "--data a=b http://x/", "--body"),
    ("curl", "-d a=b http://x/", "--body"),
    ("curl", "-d @file http://x/", "--body-file"),
    ("curl", "--location http://x/", "never followed"),
    ("curl", "-u me:pw http://x/", "URL"),
    ("miniserve", "--port 8000 http://x/", "localhost:8000"),
    ("miniserve", "-i 127.0.0.1 http://x/", "--urls"),
    ("miniserve", "--interfaces 127.0.0.1 .", "localhost:8000"),
    ("miniserve", "--index a.html .", "`slipring` is"),
    ("miniserve", "--spa .", "`slipring` is"),
    ("miniserve", "--upload-files .", "`slipring` is"),
    ("miniserve", "--qrcode .", "`slipring` is"),
    ("miniserve", "--auth a:b .", "`slipring` is"),
    ("miniserve", "--title a .", "`slipring` is"),
    ("python", "-b 127.0.0.1 8000", "localhost:8000"),
    ("python", "--bind 127.0.0.1", "localhost:8000"),
    ("python", "--directory /x", "`slipring` is"),
    ("python", "-d /srv/www", "--body"),
    ("python", "--protocol HTTP/1.1", "`slipring` is"),
    ("python", "--cgi", "`slipring` is"),
    ("python", "--tls-cert a.pem", "https"),
    ("anyone", "https://x/", "https"),
    ("anyone", "-c many http://x/", "connections"),
    ("anyone", "-t many http://x/", "threads"),
    ("anyone", "-R fast http://x/", "requests a second"),
    ("anyone", "-n many http://x/", "number of requests"),
    ("anyone", "-d soon http://x/", "how long to measure"),
];

#[test]
fn habits_of_other_tools_get_an_answer() {
    for (tool, text, part) in ROWS {
        let words: Vec<String> = std::iter::once("slipring-load").chain(text.split(' ')).map(str::to_owned).collect();
        let found = match refused(&words) {
            Some((_, hint)) => Some(hint),
            None => match Words::try_parse_from(&words) {
                Ok(_) => panic!("{tool} {text} is understood"),
                Err(error) => hint(&error),
            },
        };
        assert!(found.is_some_and(|hint| hint.contains(part)), "{tool} {text}: {found:?}");
    }
}

#[test]
fn what_means_the_same_is_understood() {
    let rows = [
        "-t 2 -c 8 -d 30s -L --timeout 2s http://x/",
        "-t2 -c8 -d30 -R2000 --latency http://x/",
        "-n 200 -c 50 -m GET -H Accept:a http://x/",
        "-X POST --body x localhost:8000",
        "--connect-to 127.0.0.1:80 example.org",
    ];
    for text in rows {
        let words = std::iter::once("slipring-load").chain(text.split(' '));
        assert!(Words::try_parse_from(words).is_ok(), "{text}");
    }
}
