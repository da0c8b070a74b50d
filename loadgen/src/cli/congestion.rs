//! Whether the kernel has a congestion control of that name for us: one that it has not looks like a target that is not
//! there.

use std::fs;

use super::Failure;

/// Bytes of a name at most: the kernel's TCP_CA_NAME_MAX, without the zero behind it.
const NAME_BYTES_MAX: usize = 15;
/// In the sets of capabilities.
const CAP_NET_ADMIN: u64 = 1 << 12;

/// What the kernel says of itself.
#[derive(Clone, Debug, Default)]
struct Offered {
    /// Those that are loaded; empty where it does not say.
    available: Vec<String>,
    /// Those that anybody may take.
    allowed: Vec<String>,
    /// The list of modules, if we may have one loaded.
    modules: Option<String>,
    /// Whether we may take all of them.
    is_admin: bool,
}

/// Refuses a name that no socket of ours would take.
pub(super) fn check(name: Option<&str>) -> Result<(), Failure> {
    name.map_or(Ok(()), |name| Offered::here().check(name)).map_err(Failure::usage)
}

impl Offered {
    fn here() -> Self {
        let list = |which: &str| {
            let text = fs::read_to_string(format!("/proc/sys/net/ipv4/tcp_{which}_congestion_control"));
            text.unwrap_or_default().split_whitespace().map(str::to_owned).collect()
        };
        let is_admin = fs::read_to_string("/proc/self/status").is_ok_and(|status| is_admin(&status));
        let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        let modules = fs::read_to_string(format!("/lib/modules/{}/modules.dep", release.trim())).ok();
        Self { available: list("available"), allowed: list("allowed"), modules: modules.filter(|_| is_admin), is_admin }
    }

    fn check(&self, name: &str) -> Result<(), String> {
        let usable = if self.is_admin { &self.available } else { &self.allowed };
        let is_module = |modules: &String| modules.contains(&format!("/tcp_{name}.ko"));
        let is_name = !name.is_empty() && name.len() <= NAME_BYTES_MAX;
        let is_offered = || usable.iter().any(|one| one == name) || self.modules.as_ref().is_some_and(is_module);
        // Where the kernel does not say, the first connection will show.
        if is_name && (usable.is_empty() || is_offered()) {
            return Ok(());
        }
        let why = if self.available.iter().any(|one| one == name) { "is not for everybody" } else { "is not there" };
        Err(format!("--congestion: '{name}' {why}; this kernel offers {}", usable.join(", ")))
    }
}

/// Of `/proc/self/status`.
fn is_admin(status: &str) -> bool {
    let effective = status.lines().find_map(|line| line.strip_prefix("CapEff:"));
    effective.and_then(|set| u64::from_str_radix(set.trim(), 16).ok()).is_some_and(|set| set & CAP_NET_ADMIN != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_does_not_offer_is_refused() {
        let names = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        let modules = "kernel/net/ipv4/tcp_vegas.ko.xz: \n".to_owned();
        let user = Offered { available: names("reno cubic bbr"), allowed: names("reno cubic"), ..Offered::default() };
        let admin = Offered { modules: Some(modules), is_admin: true, ..user.clone() };
        for (offered, name, part) in [
            (&user, "reno", ""),
            (&user, "bbr", "not for everybody"),
            (&user, "vegas", "offers reno, cubic"),
            (&user, "", "not there"),
            (&admin, "bbr", ""),
            (&admin, "vegas", ""),
            (&admin, "nope", "offers reno, cubic, bbr"),
            (&Offered::default(), "any", ""),
            (&Offered::default(), "", "not there"),
        ] {
            let said = offered.check(name).err().unwrap_or_default();
            assert!(said.contains(part) && said.is_empty() == part.is_empty(), "{name}: {said}");
        }
        assert!(is_admin("Name:\tx\nCapEff:\t000001ffffffffff\n") && !is_admin("CapEff:\t0000000000000000\n"));
    }
}
