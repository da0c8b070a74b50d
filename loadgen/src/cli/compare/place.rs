//! Which core does what.

use crate::cli::Failure;
use crate::cli::values::Cores;

/// Where servers and generator run. What cannot be pinned is said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Of the servers that we start.
    pub servers: Option<usize>,
    /// Of the generator's threads, in turn.
    pub generator: Vec<usize>,
    /// For people.
    pub text: String,
}

impl Place {
    /// Servers that we start get one core together, the generator the others. Servers that run already are left where
    /// they are, and so is the generator, which might be put on their core. One that we start beside one that runs is
    /// pinned only if a core was named for it: a core of its own might be what makes the difference.
    pub(super) fn choose(
        are_started: [bool; 2],
        server: Option<usize>,
        generator: Option<&Cores>,
    ) -> Result<Self, Failure> {
        if server.is_some() && are_started == [false, false] {
            let text = "--server-core is of servers that we start (--a-cmd, --b-cmd); pin others with taskset";
            return Err(Failure::usage(text));
        }
        let allowed: Vec<usize> =
            core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect();
        Ok(Self::among(&allowed, are_started, server, generator.map(|cores| cores.0.clone())))
    }

    fn among(allowed: &[usize], are_started: [bool; 2], server: Option<usize>, generator: Option<Vec<usize>>) -> Self {
        let is_shared = are_started == [true, true] && allowed.len() > 1;
        let servers = server.or_else(|| allowed.first().copied().filter(|_| is_shared));
        let others = || allowed.iter().copied().filter(|core| Some(*core) != servers).collect::<Vec<_>>();
        let generator = generator.unwrap_or_else(|| servers.map(|_| others()).unwrap_or_default());
        let who = match are_started {
            [true, false] => "server a",
            [false, true] => "server b",
            _ => "both servers",
        };
        let text = match (servers, generator.as_slice()) {
            (Some(core), []) => format!("{who} on core {core}, the generator not pinned"),
            (Some(core), cores) if !cores.contains(&core) => {
                format!("{who} on core {core}, the generator on {}", listed(cores))
            }
            (Some(core), cores) => format!("{who} and the generator on core {core}, {}", listed(cores)),
            (None, []) if are_started == [true, true] => {
                "nothing pinned: this process may use only one core".to_owned()
            }
            (None, []) => "nothing pinned: the servers run where they were started".to_owned(),
            (None, cores) => format!("the servers run where they were started, the generator on {}", listed(cores)),
        };
        Self { servers, generator, text }
    }
}

fn listed(cores: &[usize]) -> String {
    let numbers: Vec<_> = cores.iter().map(usize::to_string).collect();
    format!("core{} {}", if cores.len() == 1 { "" } else { "s" }, numbers.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOTH: [bool; 2] = [true, true];
    const NEITHER: [bool; 2] = [false, false];

    #[test]
    fn started_servers_share_a_core_and_the_generator_gets_the_rest() {
        let place = Place::among(&[2, 3, 5], BOTH, None, None);
        assert_eq!((place.servers, place.generator.as_slice()), (Some(2), &[3, 5][..]));
        assert_eq!(place.text, "both servers on core 2, the generator on cores 3, 5");
        let place = Place::among(&[0, 1], BOTH, Some(1), None);
        assert_eq!((place.servers, place.generator.as_slice()), (Some(1), &[0][..]));
    }

    #[test]
    fn a_core_that_was_named_is_taken_for_the_server_that_is_ours() {
        for (are_started, who) in [([false, true], "server b"), ([true, false], "server a")] {
            let place = Place::among(&[0, 1], are_started, Some(1), None);
            assert_eq!((place.servers, place.generator.as_slice()), (Some(1), &[0][..]));
            assert_eq!(place.text, format!("{who} on core 1, the generator on core 0"));
            assert_eq!(Place::among(&[0, 1], are_started, None, None).servers, None);
        }
        assert_eq!(Place::among(&[0], BOTH, Some(0), None).servers, Some(0));
        assert!(Place::choose(NEITHER, Some(0), None).is_err());
    }

    #[test]
    fn what_is_not_ours_or_cannot_be_pinned_is_left() {
        for (allowed, are_started, part) in [(&[0][..], BOTH, "only one core"), (&[0, 1], NEITHER, "where they were")] {
            let place = Place::among(allowed, are_started, None, None);
            assert_eq!((place.servers, place.generator.len()), (None, 0));
            assert!(place.text.contains(part), "{}", place.text);
        }
        let place = Place::among(&[0, 1], NEITHER, None, Some(vec![1]));
        assert_eq!(place.text, "the servers run where they were started, the generator on core 1");
    }
}
