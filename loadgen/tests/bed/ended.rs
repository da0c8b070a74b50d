//! A run of the program that came to its end, and whether the machine let it.
//!
//! A virtual machine whose hypervisor takes a tenth of its time away makes a run `invalid`, and rightly so: status 3.
//! What a test expects of an undisturbed run is then checked on another one.

use std::process::{Command, Output};

use serde_json::Value;

/// Reasons that a machine with other work gives to a run that is right in itself.
const OF_THE_MACHINE: [&str; 6] = [
    // The hypervisor gave our cores to others.
    "steal",
    // The whole of the tests has a CPU quota, as the containers of a CI have.
    "throttled",
    // The generator was ready and got no core: it is late by as long as that took,
    "behind_schedule",
    // has sent that much less by the end,
    "rate_short",
    // and, as waiting for a core counts as work, has no time left.
    "generator_saturated",
    // Server and generator were put on one core, as the others were taken.
    "shared_core",
];

/// How often a run is made at most until the machine lets one be.
const TRIES: usize = 3;

/// The program, run to its end.
pub fn load(words: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slipring-load")).args(words).output().expect("it starts")
}

/// What one run printed and returned.
pub struct Ended {
    pub json: Value,
    pub status: Option<i32>,
}

impl Ended {
    /// Any document of the program on standard output.
    pub fn document(output: &Output) -> Self {
        let text = String::from_utf8_lossy(&output.stdout);
        let json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}{output:?}"));
        let ended = Self { json, status: output.status.code() };
        assert_eq!(ended.json["exit_status"].as_i64(), ended.status.map(i64::from), "{:#}", ended.json);
        ended
    }

    /// The document of a run, with what must hold in every one.
    pub fn run(output: &Output) -> Self {
        let ended = Self::document(output);
        ended.check_sums();
        ended
    }

    fn check_sums(&self) {
        let json = &self.json;
        let of = |name: &str| self.number(&format!("/requests/{name}"));
        assert_eq!(of("due"), of("sent") + of("shed") + of("dropped"), "{json:#}");
        assert_eq!(of("sent"), of("completed") + of("failed") + of("unanswered"), "{json:#}");
        let statuses = json["status"].as_object().into_iter().flatten();
        assert_eq!(statuses.filter_map(|(_, count)| count.as_u64()).sum::<u64>(), of("completed"), "{json:#}");
        // What had no answer in time is a lower bound among the samples; answers from 400 on have times of their own.
        assert!(self.number("/samples") >= of("ok"), "{json:#}");
    }

    pub fn number(&self, path: &str) -> u64 {
        self.json.pointer(path).and_then(Value::as_u64).unwrap_or_else(|| panic!("{path} in {:#}", self.json))
    }

    /// The level of a reason.
    pub fn level(&self, code: &str) -> Option<&str> {
        self.reasons().find(|(found, _)| *found == code).map(|(_, level)| level)
    }

    pub fn check(&self, code: &str, level: Option<&str>) {
        assert_eq!(self.level(code), level, "{code}: {:#}", self.json["reasons"]);
    }

    pub fn has_note(&self, note: &str) -> bool {
        self.json["target_notes"].as_array().is_some_and(|notes| notes.iter().any(|found| found == note))
    }

    fn reasons(&self) -> impl Iterator<Item = (&str, &str)> {
        let reasons = self.json["reasons"].as_array().into_iter().flatten();
        reasons.filter_map(|reason| Some((reason["code"].as_str()?, reason["level"].as_str()?)))
    }

    /// The machine alone made it invalid.
    pub fn is_disturbed(&self) -> bool {
        let mut grave = self.reasons().filter(|(_, level)| *level == "invalid");
        self.json["verdict"] == "invalid" && grave.all(|(code, _)| OF_THE_MACHINE.contains(&code))
    }

    /// The status that an undisturbed run has; one that the machine made invalid has 3 where that wins over it.
    pub fn check_status(&self, undisturbed: i32) {
        let gives_way = matches!(undisturbed, 0 | 1 | 5);
        let expected = if gives_way && self.is_disturbed() { 3 } else { undisturbed };
        assert_eq!(self.status, Some(expected), "{:#}", self.json);
    }
}

/// Runs until the machine lets a run be, in which anything was sent at all: one that stands still for a short phase sends
/// nothing in it. If it never does, the last one.
pub fn undisturbed(mut run: impl FnMut() -> Ended) -> Ended {
    let mut ended = run();
    for _ in 1..TRIES {
        if !ended.is_disturbed() && ended.number("/requests/sent") > 0 {
            return ended;
        }
        println!("the machine disturbed a run, which is made again: {:#}", ended.json["reasons"]);
        ended = run();
    }
    ended
}
