//! From what a kernel writes down to the verdict: the files of a host at two moments, seconds apart.

use std::fs;
use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use super::*;
use crate::judge::judge;
use crate::record::{Loop, ReasonCode, RunRecord, Verdict};

/// How long the measure phase took.
const PHASE: Duration = Duration::from_secs(10);
/// Ticks of one core in it.
const TICKS: u64 = 1_000;

/// A machine of two cores, as its kernel shows it.
struct Host {
    files: TempDir,
    /// Of each core: ticks in which it worked, was idle, was taken by the hypervisor.
    cores: [[u64; 3]; 2],
}

impl Host {
    fn new() -> Self {
        let host = Self {
            files: tempfile::tempdir().expect("a directory"),
            cores: [[91_357, 9_417_103, 0], [88_002, 9_420_511, 77]],
        };
        host.write("sys/devices/system/cpu/online", "0-1\n");
        host.set_mhz([2_100.0; 2]);
        host
    }

    fn source(&self) -> Source {
        Source { proc: self.files.path().join("proc"), sys: self.files.path().join("sys") }
    }

    fn write(&self, name: &str, text: &str) {
        let path = self.files.path().join(name);
        fs::create_dir_all(path.parent().unwrap_or(Path::new("/"))).expect("a directory");
        fs::write(path, text).expect("a file");
    }

    /// As a virtual machine has it: no driver of frequencies, only what `cpuinfo` says.
    fn set_mhz(&self, mhz: [f64; 2]) {
        let core = |(core, mhz): (usize, &f64)| {
            format!(
                "processor\t: {core}\nvendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R) Processor\ncpu MHz\t\t: \
                 {mhz:.3}\ncache size\t: 307200 KB\nflags\t\t: fpu vme hypervisor\n\n"
            )
        };
        self.write("proc/cpuinfo", &mhz.iter().enumerate().map(core).collect::<String>());
    }

    /// As a driver of frequencies says it, in kHz.
    fn set_khz(&self, core: usize, khz: u64) {
        self.write(&format!("sys/devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq"), &format!("{khz}\n"));
    }

    /// `/proc/stat` with half of the work in the kernel, and the lines that follow the cores'.
    fn write_stat(&self) {
        let row = |name: &str, [work, idle, steal]: [u64; 3]| {
            format!("{name} {} 12 {} {idle} 0 0 0 {steal} 0 0\n", work - work / 2, work / 2)
        };
        let [first, second] = self.cores;
        let all = [first[0] + second[0], first[1] + second[1], first[2] + second[2]];
        let rest = "intr 518393 0 0 133 46\nctxt 874425\nbtime 1769860800\nprocesses 9741\nprocs_running 3\n";
        self.write("proc/stat", &(row("cpu ", all) + &row("cpu0", first) + &row("cpu1", second) + rest));
    }

    /// What is said of a run in which each core spent ticks so, and `change` happened.
    fn judge(&mut self, spent: [[u64; 3]; 2], change: impl FnOnce(&Self)) -> Vec<(ReasonCode, Verdict)> {
        self.write_stat();
        let mut watch = Watch::begin_at(self.source(), None);
        for (core, spent) in self.cores.iter_mut().zip(spent) {
            core.iter_mut().zip(spent).for_each(|(sum, more)| *sum += more);
        }
        self.write_stat();
        change(self);
        // The phase is ten seconds old, whatever a clock shows here.
        watch.began -= PHASE;
        // Ours may be throttled here, which is another row of the table.
        watch.periods.clear();
        let mut run = RunRecord { environment: watch.end().spent_on(1).1, ..RunRecord::default() };
        run.setup.pace = Loop::Closed;
        (0..1_000).for_each(|_| run.record.service.record(1_000_000, 1));
        judge(&run).reasons.iter().map(|reason| (reason.code, reason.level)).collect()
    }
}

#[test]
fn what_the_hypervisor_took_is_a_doubt() {
    // Ticks of the second core that were taken, of 2,000 in all.
    let rows = [
        (0, None),
        (15, None),
        (40, Some(Verdict::Suspect)),
        (150, Some(Verdict::Suspect)),
        (240, Some(Verdict::Invalid)),
        (900, Some(Verdict::Invalid)),
    ];
    for (taken, level) in rows {
        let spent = [[500, TICKS - 500, 0], [100, TICKS - 100 - taken, taken]];
        let expected: Vec<_> = level.map(|level| (ReasonCode::Steal, level)).into_iter().collect();
        assert_eq!(Host::new().judge(spent, |_| ()), expected, "{taken}");
    }
}

#[test]
fn a_clock_that_moves_is_a_doubt() {
    // The first core is busy, the other one idle.
    let spent = [[900, TICKS - 900, 0], [10, TICKS - 10, 0]];
    let suspect = vec![(ReasonCode::Frequency, Verdict::Suspect)];
    let rows: [(fn(&Host), _); 6] = [
        (|_| (), vec![]),
        (|host| host.set_mhz([2_150.0, 2_100.0]), vec![]),
        (|host| host.set_mhz([3_400.125, 2_100.0]), suspect.clone()),
        (|host| host.set_mhz([800.0, 2_100.0]), suspect),
        // An idle core's falls and means nothing.
        (|host| host.set_mhz([2_100.0, 800.0]), vec![]),
        (|host| fs::remove_file(host.source().proc.join("cpuinfo")).expect("it was there"), vec![]),
    ];
    for (number, (change, expected)) in rows.into_iter().enumerate() {
        assert_eq!(Host::new().judge(spent, change), expected, "row {number}");
    }
}

#[test]
fn a_driver_of_frequencies_is_believed_before_cpuinfo() {
    let spent = [[900, TICKS - 900, 0]; 2];
    let mut host = Host::new();
    (0..2).for_each(|core| host.set_khz(core, 3_600_000));
    let found = host.judge(spent, |host| host.set_khz(1, 2_900_000));
    assert_eq!(found, [(ReasonCode::Frequency, Verdict::Suspect)]);
    let mut host = Host::new();
    (0..2).for_each(|core| host.set_khz(core, 3_600_000));
    assert_eq!(host.judge(spent, |host| host.set_mhz([9_000.0; 2])), []);
}
