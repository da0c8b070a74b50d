//! Habits of other tools, answered with our words instead of a bare "unexpected argument".

/// A flag of another tool and what to type here.
const HABITS: [(&[&str], &str); 16] = [
    (&["-R", "--rate"], "a fixed rate (open loop) is not built yet; this version drives a closed loop with -c"),
    (&["-q"], "a rate (-q in oha and hey) is not built yet; this version drives a closed loop with -c"),
    (&["-n", "--requests"], "a number of requests is not built yet; give a duration with -d"),
    (&["-z"], "the duration is -d, as in -d 10s"),
    (&["-k", "--keepalive", "--keep-alive"], "connections are always kept alive; leave this out"),
    (&["-s", "--script"], "there are no scripts; the method is -m, fields are -H"),
    (&["-p"], "pipelining is --pipeline N; the port stands in the URL"),
    (&["-b", "--body", "--data", "--body-file", "-D"], "request bodies are not built yet"),
    (&["-T", "--timeout"], "a timeout of requests is not built yet; --connect-timeout bounds connecting"),
    (&["-w", "--workers"], "threads are -t, connections are -c"),
    (&["-m", "--method"], "-m is the method, as in -m HEAD (h2load's -m streams do not exist in HTTP/1.1)"),
    (&["-u", "--url"], "the URL is given without a flag"),
    (&["--insecure", "--cacert"], "https is not supported yet; measure the plain HTTP port behind it"),
    (&["--http2", "-2", "--h1"], "this tool speaks HTTP/1.1 only"),
    (&["-o", "--output"], "JSON is written with --json FILE"),
    (&["--no-tui"], "there is no terminal interface; leave this out"),
];

/// Hints on values, by the start of a word that takes one.
const VALUES: [(&str, &str); 2] = [
    ("-t", "-t is the number of threads, as in wrk; the measured time is -d"),
    ("-c", "-c is the number of connections"),
];

/// What to tell someone whose words were not understood.
pub(super) fn hint(words: &[String]) -> Option<&'static str> {
    let of_habit = words.iter().skip(1).find_map(|word| habit(word));
    of_habit
        .or_else(|| VALUES.iter().find(|(flag, _)| words.iter().any(|word| word.starts_with(flag))).map(|row| row.1))
}

fn habit(word: &str) -> Option<&'static str> {
    let name = word.split_once('=').map_or(word, |(name, _)| name);
    let is_short_with_value = |flag: &&str| flag.len() == 2 && !name.starts_with("--") && name.starts_with(*flag);
    let row = HABITS.iter().find(|(flags, _)| flags.iter().any(|flag| *flag == name || is_short_with_value(flag)))?;
    Some(row.1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn habits_of_other_tools_get_an_answer() {
        let rows = [
            ("-R 1000 http://x/", "fixed rate"),
            ("-R1000 http://x/", "fixed rate"),
            ("--rate=5 http://x/", "fixed rate"),
            ("-q 5 http://x/", "rate"),
            ("-z 10s http://x/", "-d"),
            ("-n 100 http://x/", "duration"),
            ("-k http://x/", "kept alive"),
            ("-s a.lua http://x/", "scripts"),
            ("-t 30s http://x/", "-d"),
            ("-c many http://x/", "connections"),
            ("--no-tui http://x/", "interface"),
        ];
        for (text, part) in rows {
            let words: Vec<String> =
                std::iter::once("slipring-load").chain(text.split(' ')).map(str::to_owned).collect();
            let hint = hint(&words).unwrap_or_default();
            assert!(hint.contains(part), "{text}: {hint:?}");
        }
        assert_eq!(hint(&["slipring-load".to_owned()]), None);
    }
}
