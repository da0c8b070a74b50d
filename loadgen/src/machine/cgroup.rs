//! CPU accounting and limits of control groups, v1 and v2.
//!
//! A group counts every process that ever ran in it, those that ended and those that nobody waited for among them: v1 in
//! nanoseconds (`cpuacct.usage`), v2 in microseconds (`usage_usec` of `cpu.stat`).

use std::fs;
use std::path::{Path, PathBuf};

/// A group whose CPU time can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CpuGroup {
    directory: PathBuf,
}

impl CpuGroup {
    /// The group that a user names: a directory, or its path below the mount as `/proc/PID/cgroup` writes it.
    pub fn named(name: &str) -> Option<Self> {
        let below = name.trim_start_matches('/');
        let mounted = mounts().into_iter().filter(Mount::counts_cpu).map(|mount| mount.directory.join(below));
        let mut found = std::iter::once(PathBuf::from(name)).chain(mounted).map(|directory| Self { directory });
        found.find(|group| group.cpu_ns().is_some())
    }

    /// CPU nanoseconds of all that ran in it.
    pub fn cpu_ns(&self) -> Option<u64> {
        let v1 = super::line(self.directory.join("cpuacct.usage")).and_then(|text| text.parse().ok());
        v1.or_else(|| stat(&self.directory, "usage_usec").map(|us| us * 1000))
    }

    /// The processes in it and in the groups below it.
    pub fn pids(&self) -> Vec<u32> {
        let mut pids = Vec::new();
        let mut open = vec![self.directory.clone()];
        while let Some(directory) = open.pop() {
            let text = fs::read_to_string(directory.join("cgroup.procs")).unwrap_or_default();
            pids.extend(text.lines().filter_map(|line| line.parse::<u32>().ok()));
            let entries = fs::read_dir(&directory).into_iter().flatten().flatten();
            open.extend(entries.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())).map(|e| e.path()));
        }
        pids.sort_unstable();
        pids.dedup();
        pids
    }
}

/// Our own group and those above it, as far as they are visible: a limit of any of them is ours.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct OwnGroups {
    directories: Vec<PathBuf>,
}

impl OwnGroups {
    pub(super) fn find() -> Self {
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mounts = mounts();
        Self { directories: mounts.iter().filter_map(|mount| own_directory(mount, &membership)).flatten().collect() }
    }

    /// The tightest CPU quota, in cores.
    pub(super) fn quota(&self) -> Option<f64> {
        self.directories.iter().filter_map(|directory| quota(directory)).min_by(f64::total_cmp)
    }

    /// Periods of the quota and how many of them throttled us, of each group.
    pub(super) fn periods(&self) -> Vec<(u64, u64)> {
        let of = |directory: &PathBuf| Some((stat(directory, "nr_periods")?, stat(directory, "nr_throttled")?));
        self.directories.iter().map(|directory| of(directory).unwrap_or_default()).collect()
    }
}

/// What passed between two readings of the group that was throttled most.
pub(super) fn periods_between(before: &[(u64, u64)], after: &[(u64, u64)]) -> Option<(u64, u64)> {
    let passed = before.iter().zip(after).map(|(b, a)| (a.0.saturating_sub(b.0), a.1.saturating_sub(b.1)));
    passed.max_by_key(|&(periods, throttled)| (throttled, periods))
}

fn quota(directory: &Path) -> Option<f64> {
    let cores = |quota: &str, period: &str| {
        let (quota, period): (f64, f64) = (quota.parse().ok()?, period.parse().ok()?);
        (quota > 0.0 && period > 0.0).then(|| quota / period)
    };
    if let Some(max) = super::line(directory.join("cpu.max")) {
        // `max 100000` is no quota.
        return max.split_once(' ').and_then(|(quota, period)| cores(quota, period));
    }
    // -1 is no quota.
    cores(&super::line(directory.join("cpu.cfs_quota_us"))?, &super::line(directory.join("cpu.cfs_period_us"))?)
}

fn stat(directory: &Path, name: &str) -> Option<u64> {
    super::keyed(&fs::read_to_string(directory.join("cpu.stat")).ok()?, name)
}

/// One mounted hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Mount {
    directory: PathBuf,
    /// The group that the mount shows as its root.
    root: String,
    /// Empty for v2.
    controllers: Vec<String>,
}

impl Mount {
    fn counts_cpu(&self) -> bool {
        self.controllers.is_empty() || self.controllers.iter().any(|name| name == "cpu" || name == "cpuacct")
    }
}

fn mounts() -> Vec<Mount> {
    let text = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    text.lines().filter_map(parse_mount).collect()
}

/// A line of `mountinfo`: `36 35 0:30 /root /where options - type source superoptions`.
fn parse_mount(line: &str) -> Option<Mount> {
    let (mount, kind) = line.split_once(" - ")?;
    let fields: Vec<&str> = mount.split(' ').collect();
    let kind: Vec<&str> = kind.split(' ').collect();
    let controllers = match *kind.first()? {
        "cgroup2" => Vec::new(),
        "cgroup" => kind.last()?.split(',').map(str::to_owned).collect(),
        _ => return None,
    };
    Some(Mount { directory: PathBuf::from(fields.get(4)?), root: (*fields.get(3)?).to_owned(), controllers })
}

/// Where `/proc/self/cgroup` says that we are in this hierarchy, and the directories above up to its root.
fn own_directory(mount: &Mount, membership: &str) -> Option<Vec<PathBuf>> {
    if !mount.counts_cpu() {
        return None;
    }
    let path = membership.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (controllers, path) = (parts.next()?, parts.next()?);
        let is_ours = if mount.controllers.is_empty() {
            controllers.is_empty()
        } else {
            controllers.split(',').any(|name| name == "cpu" && mount.controllers.iter().any(|other| other == name))
        };
        is_ours.then_some(path)
    })?;
    let below = path.strip_prefix(mount.root.trim_end_matches('/')).unwrap_or(path).trim_start_matches('/');
    let directory = mount.directory.join(below);
    Some(directory.ancestors().take_while(|path| path.starts_with(&mount.directory)).map(Path::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hierarchies_and_our_place_in_them() {
        let v1 = parse_mount("30 23 0:26 /docker/x /sys/fs/cgroup/cpu,cpuacct ro - cgroup cgroup rw,cpu,cpuacct");
        let v1 = v1.expect("a v1 mount");
        let v2 = parse_mount("31 23 0:27 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw").expect("a v2 mount");
        assert_eq!(parse_mount("22 1 8:1 / / rw - ext4 /dev/sda rw"), None);
        let membership = "4:memory:/docker/x\n3:cpu,cpuacct:/docker/x/load\n0::/user.slice/a.scope\n";
        let of = |mount| own_directory(mount, membership).expect("a member");
        assert_eq!(of(&v1), ["load", ""].map(|name| Path::new("/sys/fs/cgroup/cpu,cpuacct").join(name)));
        assert_eq!(
            of(&v2),
            ["user.slice/a.scope", "user.slice", ""].map(|name| Path::new("/sys/fs/cgroup").join(name))
        );
    }

    #[test]
    fn figures_of_both_versions() {
        let directory = tempfile::tempdir().expect("a directory");
        let write = |name: &str, text: &str| fs::write(directory.path().join(name), text).expect("a file");
        let group = CpuGroup { directory: directory.path().to_owned() };
        assert_eq!((group.cpu_ns(), quota(directory.path())), (None, None));
        write("cpu.stat", "usage_usec 1234\nuser_usec 1000\nnr_periods 10\nnr_throttled 3\n");
        write("cpu.max", "150000 100000\n");
        assert_eq!((group.cpu_ns(), quota(directory.path())), (Some(1_234_000), Some(1.5)));
        write("cpu.max", "max 100000\n");
        assert_eq!(quota(directory.path()), None);
        fs::remove_file(directory.path().join("cpu.max")).expect("it is there");
        write("cpuacct.usage", "987654321\n");
        write("cpu.cfs_quota_us", "-1\n");
        write("cpu.cfs_period_us", "100000\n");
        assert_eq!((group.cpu_ns(), quota(directory.path())), (Some(987_654_321), None));
        write("cpu.cfs_quota_us", "50000\n");
        let groups = OwnGroups { directories: vec![directory.path().to_owned()] };
        assert_eq!((groups.quota(), groups.periods()), (Some(0.5), vec![(10, 3)]));
    }

    #[test]
    fn the_group_that_was_throttled_most_counts() {
        assert_eq!(periods_between(&[(10, 1), (10, 1)], &[(20, 1), (15, 4)]), Some((5, 3)));
        assert_eq!(periods_between(&[(10, 1)], &[(10, 1)]), Some((0, 0)));
        assert_eq!(periods_between(&[], &[]), None);
    }
}
