//! The machine as a whole: what it is, how busy its cores were, at which frequency.
//!
//! The busy time of all cores comes from the *idle* columns of `/proc/stat`: a core without work is measured from the
//! moment it went to sleep to the moment it woke, to the nanosecond, and only the sum is cut to ticks of 10 ms. The
//! other columns are sampled at each timer tick, and work shorter than a tick falls through them. So busy time is wall
//! time less idle, waiting for disks, and stolen, within 0.06 s for the whole machine; on a run of ten seconds on two
//! cores that is 0.3%.

use std::path::PathBuf;
use std::{fs, thread};

use super::process::TICK_NS;
use super::{cgroup, line};
use crate::record::Host;

/// The machine, as far as it says.
pub fn host() -> Host {
    Host {
        kernel: kernel(),
        cpu: cpu_model(),
        cores: thread::available_parallelism().ok().map(usize::from),
        congestion: congestion_control(),
        quota: cgroup::OwnGroups::find().quota(),
        governor: governor(),
        virt: virt(),
    }
}

/// The kernel's release.
pub fn kernel() -> Option<String> {
    line("/proc/sys/kernel/osrelease")
}

/// The model name of the first core.
pub fn cpu_model() -> Option<String> {
    Source::here().cpuinfo("model name").into_iter().next()
}

/// The congestion control that sockets get unless they name one.
pub fn congestion_control() -> Option<String> {
    line("/proc/sys/net/ipv4/tcp_congestion_control")
}

/// The frequency governor of the first core.
pub fn governor() -> Option<String> {
    line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")
}

/// The hypervisor, if the CPU says that there is one.
pub fn virt() -> Option<String> {
    let flags = Source::here().cpuinfo("flags").into_iter().next()?;
    flags.split(' ').any(|flag| flag == "hypervisor").then(|| {
        let named = ["/sys/hypervisor/type", "/sys/class/dmi/id/sys_vendor"].iter().find_map(line);
        named.unwrap_or_else(|| "a hypervisor without a name".to_owned())
    })
}

/// The machine's time by columns, since it started.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Cores {
    /// All cores together.
    all: Ticks,
    /// Each core that is there.
    each: Vec<(usize, Ticks, Option<f64>)>,
}

/// Ticks of 10 ms.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Ticks {
    /// Idle, or waiting for a disk.
    idle: u64,
    /// Taken by the hypervisor.
    steal: u64,
}

/// The directories in which a kernel says how busy its cores are.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) proc: PathBuf,
    pub(super) sys: PathBuf,
}

impl Source {
    /// This machine.
    pub(super) fn here() -> Self {
        Self { proc: PathBuf::from("/proc"), sys: PathBuf::from("/sys") }
    }

    fn cpuinfo(&self, name: &str) -> Vec<String> {
        let text = fs::read_to_string(self.proc.join("cpuinfo")).unwrap_or_default();
        let value = |line: &str| Some(line.strip_prefix(name)?.trim_start().strip_prefix(':')?.trim().to_owned());
        text.lines().filter_map(value).collect()
    }

    /// The current frequency of a core.
    fn khz(&self, core: usize) -> Option<f64> {
        line(self.sys.join(format!("devices/system/cpu/cpu{core}/cpufreq/scaling_cur_freq")))?.parse().ok()
    }
}

impl Cores {
    pub(super) fn read(source: &Source) -> Option<Self> {
        let mut cores = Self::parse(&fs::read_to_string(source.proc.join("stat")).ok()?)?;
        let mhz: Vec<f64> = source.cpuinfo("cpu MHz").iter().filter_map(|text| text.parse().ok()).collect();
        for (place, (core, _, frequency)) in cores.each.iter_mut().enumerate() {
            *frequency = source.khz(*core).or_else(|| mhz.get(place).copied());
        }
        Some(cores)
    }

    fn parse(text: &str) -> Option<Self> {
        let mut cores = Self::default();
        for line in text.lines().take_while(|line| line.starts_with("cpu")) {
            let mut fields = line.split_whitespace();
            let name = fields.next()?.strip_prefix("cpu")?;
            let columns: Vec<u64> = fields.map_while(|field| field.parse().ok()).collect();
            let ticks = Ticks { idle: columns.get(3)? + columns.get(4)?, steal: *columns.get(7)? };
            match name.parse() {
                Ok(core) => cores.each.push((core, ticks, None)),
                Err(_) => cores.all = ticks,
            }
        }
        (!cores.each.is_empty()).then_some(cores)
    }

    /// CPU nanoseconds that were not idle and not stolen in the `wall_ns` since `before`.
    pub(super) fn busy_ns(&self, before: &Self, wall_ns: u64) -> u64 {
        let (idle, steal) =
            (self.all.idle.saturating_sub(before.all.idle), self.all.steal.saturating_sub(before.all.steal));
        (wall_ns * self.each.len() as u64).saturating_sub((idle + steal) * TICK_NS)
    }

    /// Share of the machine's time that the hypervisor took, 0 to 1.
    pub(super) fn steal(&self, before: &Self, wall_ns: u64) -> Option<f64> {
        let whole = wall_ns * self.each.len() as u64;
        (whole > 0)
            .then(|| ((self.all.steal.saturating_sub(before.all.steal) * TICK_NS) as f64 / whole as f64).min(1.0))
    }

    /// The largest relative change of the frequency of a core that was busy for half of the time; `None` if no
    /// frequency can be read. An idle core's frequency falls and means nothing.
    pub(super) fn frequency_moved(&self, before: &Self, wall_ns: u64) -> Option<f64> {
        let of_core = |(core, now, frequency): &(usize, Ticks, Option<f64>)| {
            let (_, then, earlier) = before.each.iter().find(|(earlier, ..)| earlier == core)?;
            let moved = (*frequency)? / (*earlier)? - 1.0;
            let is_busy = now.idle.saturating_sub(then.idle) * TICK_NS <= wall_ns / 2;
            moved.is_finite().then_some(if is_busy { moved.abs() } else { 0.0 })
        };
        self.each.iter().filter_map(of_core).max_by(f64::total_cmp)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn cores(all: [u64; 3], first: [u64; 3], second: [u64; 3]) -> Cores {
        let row = |name: &str, [idle, wait, steal]: [u64; 3]| format!("{name} 7 0 7 {idle} {wait} 0 7 {steal} 0 0\n");
        let text = row("cpu ", all) + &row("cpu0", first) + &row("cpu1", second) + "intr 9\ncpufreq no\n";
        Cores::parse(&text).expect("two cores")
    }

    #[test]
    fn what_is_not_idle_and_not_stolen_is_busy() {
        let before = cores([100, 10, 5], [50, 5, 5], [50, 5, 0]);
        let after = cores([160, 20, 25], [60, 15, 25], [100, 5, 0]);
        // Two cores for a second: 2 s less 0.7 s idle or waiting less 0.2 s stolen.
        assert_eq!(after.busy_ns(&before, SECOND), 1_100_000_000);
        assert!(after.steal(&before, SECOND).is_some_and(|share| (share - 0.1).abs() < 1e-9));
        assert_eq!(Cores::parse("intr 1\n"), None);
    }

    #[test]
    fn only_a_busy_core_has_a_frequency_that_counts() {
        let mut before = cores([0; 3], [0; 3], [0; 3]);
        let mut after = cores([90, 0, 0], [10, 0, 0], [80, 0, 0]);
        assert_eq!(after.frequency_moved(&before, SECOND), None);
        for (cores, frequencies) in [(&mut before, [3000.0, 3000.0]), (&mut after, [3300.0, 800.0])] {
            cores.each.iter_mut().zip(frequencies).for_each(|(core, mhz)| core.2 = Some(mhz));
        }
        assert!(after.frequency_moved(&before, SECOND).is_some_and(|moved| (moved - 0.1).abs() < 1e-9));
    }

    #[test]
    fn this_machine_says_what_it_is() {
        let host = host();
        assert!(host.kernel.is_some_and(|release| !release.is_empty()));
        assert!(host.cores.is_some_and(|cores| cores > 0));
        assert!(Cores::read(&Source::here()).is_some());
    }
}
