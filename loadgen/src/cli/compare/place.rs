//! Which core does what.

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
    /// they are, and so is the generator, which might be put on their core.
    pub(super) fn choose(is_started: bool, server: Option<usize>, generator: Option<&Cores>) -> Self {
        let allowed: Vec<usize> =
            core_affinity::get_core_ids().unwrap_or_default().into_iter().map(|core| core.id).collect();
        Self::among(&allowed, is_started, server, generator.map(|cores| cores.0.clone()))
    }

    fn among(allowed: &[usize], is_started: bool, server: Option<usize>, generator: Option<Vec<usize>>) -> Self {
        let servers = server.or_else(|| allowed.first().copied()).filter(|_| is_started && allowed.len() > 1);
        let others = || allowed.iter().copied().filter(|core| Some(*core) != servers).collect::<Vec<_>>();
        let generator = generator.unwrap_or_else(|| servers.map(|_| others()).unwrap_or_default());
        let text = match (servers, generator.as_slice()) {
            (Some(core), cores) if !cores.contains(&core) => {
                format!("both servers on core {core}, the generator on {}", listed(cores))
            }
            (Some(core), cores) => format!("both servers and the generator on core {core}, {}", listed(cores)),
            (None, []) if is_started => "nothing pinned: this process may use only one core".to_owned(),
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

    #[test]
    fn started_servers_share_a_core_and_the_generator_gets_the_rest() {
        let place = Place::among(&[2, 3, 5], true, None, None);
        assert_eq!((place.servers, place.generator.as_slice()), (Some(2), &[3, 5][..]));
        assert_eq!(place.text, "both servers on core 2, the generator on cores 3, 5");
        let place = Place::among(&[0, 1], true, Some(1), None);
        assert_eq!((place.servers, place.generator.as_slice()), (Some(1), &[0][..]));
    }

    #[test]
    fn what_is_not_ours_or_cannot_be_pinned_is_left() {
        for (allowed, is_started, part) in [(&[0][..], true, "only one core"), (&[0, 1], false, "where they were")] {
            let place = Place::among(allowed, is_started, None, None);
            assert_eq!((place.servers, place.generator.len()), (None, 0));
            assert!(place.text.contains(part), "{}", place.text);
        }
        let place = Place::among(&[0, 1], false, None, Some(vec![1]));
        assert_eq!(place.text, "the servers run where they were started, the generator on core 1");
    }
}
