use clap::{Args as _, CommandFactory as _, FromArgMatches as _};

use super::super::options::Words;
use super::*;
use crate::plan::{Arrivals, OnBusy};

fn parse(text: &str) -> (Options, ArgMatches) {
    let words = std::iter::once("slipring-load").chain(text.split(' '));
    let given = Words::command().try_get_matches_from(words).unwrap_or_else(|error| panic!("{text}: {error}"));
    (Words::from_arg_matches(&given).expect("clap has checked it").run, given)
}

fn plan(text: &str) -> Plan {
    let (options, given) = parse(text);
    options.plan(&[], &given).unwrap_or_else(|failure| panic!("{text}: {}", failure.message))
}

#[test]
fn the_flags_do_not_clash() {
    Words::command().debug_assert();
    Options::augment_args(clap::Command::new("x")).debug_assert();
}

#[test]
fn flags_become_a_plan() {
    let plan = plan("-c 8 -t 2 -d 500ms --warmup 0 --pipeline 4 -X HEAD -H Host:x --cores 1 -L [::1]:80/a");
    assert_eq!((plan.connections, plan.threads, plan.pipeline), (8, 2, 4));
    assert_eq!((plan.duration, plan.warmup), (Duration::from_millis(500), Duration::ZERO));
    let mix = plan.mix(0).expect("a good request");
    assert_eq!(mix.only(), Some(&b"HEAD /a HTTP/1.1\r\nHost: x\r\n\r\n"[..]));
    assert!(plan.cores == [1] && !plan.is_open());
}

#[test]
fn every_flag_of_the_load_arrives() {
    let plan = plan(
        "--stage 1s@10..20 --stage 2s@20 --arrivals poisson --on-busy open --max-connections 99 --deadline 1s \
         --grace 2s --seed 7 --no-keepalive --timeout 0 --connect-timeout 1 --connect-rate 10 --source \
         127.0.0.2,127.0.0.3 --connect-to [::1]:81 --check=status=200 -m POST --body a{seq} x",
    );
    assert_eq!((plan.stages.len(), plan.arrivals, plan.on_busy), (2, Arrivals::Poisson, OnBusy::Open));
    assert_eq!((plan.max_connections, plan.seed, plan.keep_alive, plan.timeout), (Some(99), 7, false, None));
    assert_eq!((plan.deadline, plan.grace), (Some(Duration::from_secs(1)), Duration::from_secs(2)));
    assert_eq!((plan.connect_rate, plan.sources.len()), (Some(10.0), 2));
    assert_eq!(plan.connect_to, Some(("::1".to_owned(), 81)));
    assert_eq!(plan.check.and_then(|check| check.status), Some(200));
    assert_eq!(plan.requests[0].body, Body::Text("a{seq}".to_owned()));
    assert_eq!(plan.check(1_000), Ok(()));
}

#[test]
fn what_ends_a_run() {
    let rows = [("x", 10), ("-n 5 x", 3600), ("-n 5 -d 2 x", 2), ("-n 500 -R 100 x", 5), ("-n 500 -R 100 -d 1 x", 1)];
    for (text, seconds) in rows {
        assert_eq!(plan(text).duration, Duration::from_secs(seconds), "{text}");
    }
}

#[test]
fn answers_are_awaited_as_long_as_they_may_take() {
    assert_eq!(plan("--timeout 20 x").grace, Duration::from_secs(20));
    assert_eq!(plan("--timeout 0 x").grace, Duration::from_secs(5));
}

#[test]
fn a_target_on_this_machine_is_loaded_by_one_thread() {
    let (options, given) = parse("localhost");
    let threads =
        |address: &str| options.plan(&[address.parse().expect("an address")], &given).map(|plan| plan.threads);
    assert_eq!(threads("127.0.0.1:80").ok(), Some(1));
    assert_eq!(plan("--unix /s x").threads, 1);
}

#[test]
fn a_file_of_urls_may_stand_alone() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("urls");
    fs::write(&path, "# mix\n3 /a\nPOST http://host:81/b\n").expect("a file");
    let plan = plan(&format!("--urls {}", path.display()));
    let shown: Vec<_> =
        plan.requests.iter().map(|one| format!("{} {} {}", one.weight, one.method, one.target)).collect();
    assert_eq!(shown, ["3 GET http://host:81/a", "1 POST http://host:81/b"]);
    fs::write(&path, "/a\n").expect("a file");
    let (options, given) = parse(&format!("--urls {}", path.display()));
    assert!(options.plan(&[], &given).is_err_and(|failure| failure.message.contains("names a host")));
}

#[test]
fn what_is_in_force_is_listed_with_defaults() {
    let (_, given) = parse("-c 8 -R 100 --no-keepalive -H A:b -H C:d http://x/");
    let options = in_force(&Words::command(), &given);
    let find = |name: &str| options.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
    assert_eq!((find("connections"), find("rate"), find("timeout")), (Some("8"), Some("100"), Some("5s")));
    assert_eq!((find("header"), find("no-keepalive"), find("strict")), (Some("A:b C:d"), Some("true"), None));
}
