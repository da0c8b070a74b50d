//! Rust source, read as far as imports need it: comments and literals fall away, unit tests fall away, paths remain.

/// A path that a file names, from its package's short name on: `ring::op::Op`, `conn::Connection`.
#[derive(Debug, PartialEq)]
pub struct Import {
    pub line: usize,
    pub path: String,
}

/// A piece of source.
#[derive(Clone, Debug, PartialEq)]
pub enum Token {
    Word(String),
    Separator,
    Sign(char),
}

/// A token and its line, from 1.
pub type Placed = (Token, usize);

/// The module that a file is, as the page names it, or `None` for a file of no package that has a name there.
/// `engine/wire/src/request/parse.rs` is `wire::request::parse`; a face (`lib.rs`) is its package.
pub fn module_of(path: &str) -> Option<String> {
    let (package, rest) = PACKAGES.iter().find_map(|(folder, name, _)| Some((*name, path.strip_prefix(*folder)?)))?;
    let inner = rest.strip_suffix(".rs")?.split('/').filter(|part| !["mod", "lib"].contains(part));
    Some(std::iter::once(package).chain(inner).filter(|part| !part.is_empty()).collect::<Vec<_>>().join("::"))
}

/// Whether a file is a package's face.
pub fn is_face(path: &str) -> bool {
    path.ends_with("src/lib.rs")
}

/// Whether a file holds unit tests only.
pub fn is_test(path: &str) -> bool {
    path.ends_with("/tests.rs") || path.contains("/tests/")
}

/// Every path of our own packages that the tokens name, in `use` or in the middle of an expression.
pub fn imports(tokens: &[Placed], module: &str) -> Vec<Import> {
    let mut found = Vec::new();
    for (at, (token, _)) in tokens.iter().enumerate() {
        let Token::Word(word) = token else { continue };
        let is_first = at == 0 || tokens[at - 1].0 != Token::Separator;
        let leads_on = tokens.get(at + 1).is_some_and(|(next, _)| *next == Token::Separator);
        if let Some((prefix, used)) = start(tokens, at, word, module).filter(|_| is_first && leads_on) {
            tree(tokens, at + used, &prefix, &mut found);
        }
    }
    found
}

/// What a `pub use` of a face makes visible at the package's root: the new name, and the path that it stands for.
pub fn exports(tokens: &[Placed], package: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for at in 0..tokens.len() {
        if is_word(tokens, at, "pub") && is_word(tokens, at + 1, "use") {
            let from_crate = is_word(tokens, at + 2, "crate") || is_word(tokens, at + 2, "self");
            let prefix: Vec<String> = Some(package.to_owned()).filter(|name| !name.is_empty()).into_iter().collect();
            tree(tokens, at + if from_crate { 4 } else { 2 }, &prefix, &mut found);
        }
    }
    found.into_iter().map(|import| (last(&import.path).to_owned(), import.path)).collect()
}

/// The source as tokens, without comments, the inside of literals, and anything under `#[cfg(test)]`.
pub fn tokens(text: &str) -> Vec<Placed> {
    without_tests(&words(&without_literals(text)))
}

/// A path's beginning: the modules that its first word stands for, and how many tokens belong to it.
fn start(tokens: &[Placed], at: usize, word: &str, module: &str) -> Option<(Vec<String>, usize)> {
    let parts = |path: &str| path.split("::").filter(|part| !part.is_empty()).map(str::to_owned).collect::<Vec<_>>();
    let package = parts(module).first().filter(|name| PACKAGES.iter().any(|(_, short, _)| short == name)).cloned();
    match word {
        "crate" => Some((package.into_iter().collect(), 2)),
        "super" => {
            let mut above = parts(module);
            let mut used = 0;
            while is_word(tokens, at + used, "super") {
                above.pop();
                used += 2;
            }
            Some((above, used))
        }
        _ => PACKAGES.iter().find(|(_, _, name)| *name == word).map(|(_, short, _)| (parts(short), 2)),
    }
}

/// Reads `a::b`, `a::{b, c::d}`, `a::*`, `a as b` from `at` on; returns where it ends.
fn tree(tokens: &[Placed], mut at: usize, prefix: &[String], found: &mut Vec<Import>) -> usize {
    let mut path = prefix.to_vec();
    let line = tokens.get(at).map_or(0, |(_, line)| *line);
    loop {
        match tokens.get(at).map(|(token, _)| token) {
            Some(Token::Word(word)) if word != "self" => path.push(word.clone()),
            Some(Token::Sign('{')) => return group(tokens, at + 1, &path, found),
            Some(Token::Word(_)) => {}
            _ => break,
        }
        at += 1;
        if tokens.get(at).is_none_or(|(token, _)| *token != Token::Separator) {
            break;
        }
        at += 1;
    }
    found.push(Import { line, path: path.join("::") });
    at
}

/// The inside of braces, up to and with the closing one.
fn group(tokens: &[Placed], mut at: usize, path: &[String], found: &mut Vec<Import>) -> usize {
    while let Some((token, _)) = tokens.get(at) {
        match token {
            Token::Sign('}') => return at + 1,
            Token::Word(word) if word != "as" => at = tree(tokens, at, path, found),
            Token::Word(_) => at += 2,
            _ => at += 1,
        }
    }
    at
}

fn is_word(tokens: &[Placed], at: usize, word: &str) -> bool {
    matches!(tokens.get(at), Some((Token::Word(found), _)) if found == word)
}

fn last(path: &str) -> &str {
    path.rsplit("::").next().unwrap_or(path)
}

fn words(text: &str) -> Vec<Placed> {
    let (mut tokens, mut line) = (Vec::new(), 1);
    let mut rest = text.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\n' => line += 1,
            ':' if rest.peek() == Some(&':') => {
                rest.next();
                tokens.push((Token::Separator, line));
            }
            _ if is_part_of_word(next) => {
                let mut word = String::from(next);
                while let Some(more) = rest.next_if(|more| is_part_of_word(*more)) {
                    word.push(more);
                }
                tokens.push((Token::Word(word), line));
            }
            _ if next.is_whitespace() => {}
            _ => tokens.push((Token::Sign(next), line)),
        }
    }
    tokens
}

fn is_part_of_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Leaves out each item that stands under an attribute `#[cfg(...test...)]`.
fn without_tests(tokens: &[Placed]) -> Vec<Placed> {
    let mut kept = Vec::new();
    let mut at = 0;
    while at < tokens.len() {
        if is_test_attribute(tokens, at) {
            at = end_of_item(tokens, at);
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

fn is_test_attribute(tokens: &[Placed], at: usize) -> bool {
    let opens = tokens[at].0 == Token::Sign('#') && is_word(tokens, at + 2, "cfg");
    let inside = || tokens[at..].iter().take_while(|(token, _)| *token != Token::Sign(']'));
    let has = |word: &str| inside().any(|(token, _)| matches!(token, Token::Word(found) if found == word));
    opens && has("test") && !has("not")
}

/// Behind the attributes and the item that begin at `at`: its closing brace, or its semicolon.
fn end_of_item(tokens: &[Placed], mut at: usize) -> usize {
    while tokens.get(at).is_some_and(|(token, _)| *token == Token::Sign('#')) {
        at += tokens[at..].iter().take_while(|(token, _)| *token != Token::Sign(']')).count() + 1;
    }
    let ends_at_brace = !(is_word(tokens, at, "use") || is_word(tokens, at + 1, "use"));
    let mut depth = 0_usize;
    for (offset, (token, _)) in tokens[at.min(tokens.len())..].iter().enumerate() {
        match token {
            Token::Sign('{' | '(' | '[') => depth += 1,
            Token::Sign('}' | ')' | ']') if depth == 0 => return at + offset,
            Token::Sign('}') if depth == 1 && ends_at_brace => return at + offset + 1,
            Token::Sign('}' | ')' | ']') => depth -= 1,
            Token::Sign(';') if depth == 0 => return at + offset + 1,
            _ => {}
        }
    }
    tokens.len()
}

/// The text with comments and the inside of literals as spaces; line ends stay.
fn without_literals(text: &str) -> String {
    let text: Vec<char> = text.chars().collect();
    let mut kept = String::with_capacity(text.len());
    let mut at = 0;
    while at < text.len() {
        let length = match (text[at], text.get(at + 1)) {
            ('/', Some('/')) => text[at..].iter().take_while(|next| **next != '\n').count(),
            ('/', Some('*')) => comment(&text[at..]),
            ('"', _) => string(&text[at..]),
            ('r', Some('"' | '#')) if at == 0 || !is_part_of_word(text[at - 1]) || text[at - 1] == 'b' => {
                raw(&text[at..])
            }
            ('\'', _) => character(&text[at..]),
            _ => 0,
        };
        let skipped = &text[at..at + length.max(1)];
        let blank = |next: &char| if length > 0 && *next != '\n' { ' ' } else { *next };
        kept.extend(skipped.iter().map(blank));
        at += length.max(1);
    }
    kept
}

fn comment(text: &[char]) -> usize {
    let (mut at, mut depth) = (2, 1);
    while depth > 0 && at < text.len() {
        match (text[at], text.get(at + 1)) {
            ('/', Some('*')) => (at, depth) = (at + 2, depth + 1),
            ('*', Some('/')) => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at.min(text.len())
}

fn string(text: &[char]) -> usize {
    let mut at = 1;
    while at < text.len() && text[at] != '"' {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    (at + 1).min(text.len())
}

/// A raw string, or 0 for a raw identifier.
fn raw(text: &[char]) -> usize {
    let hashes = text[1..].iter().take_while(|next| **next == '#').count();
    if text.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let closing: Vec<char> = std::iter::once('"').chain(std::iter::repeat_n('#', hashes)).collect();
    let body = &text[2 + hashes..];
    let end = body.windows(closing.len()).position(|window| window == closing).unwrap_or(body.len());
    (2 + hashes + end + closing.len()).min(text.len())
}

/// A character literal, or 0 for a lifetime.
fn character(text: &[char]) -> usize {
    match (text.get(1), text.get(2)) {
        (Some('\\'), _) => 3 + text.iter().skip(3).take_while(|next| **next != '\'').count() + 1,
        (Some(_), Some('\'')) => 3,
        _ => 0,
    }
    .min(text.len())
}

/// Folder of the sources, the name on the page (none for the server, whose modules stand bare), the name in code.
const PACKAGES: [(&str, &str, &str); 6] = [
    ("engine/ring/src/", "ring", "slipring_ring"),
    ("engine/scan/src/", "scan", "slipring_scan"),
    ("engine/wire/src/", "wire", "slipring_wire"),
    ("engine/server/src/", "", "slipring"),
    ("loadgen/src/", "load", "slipring_load"),
    ("bench/src/", "bench", "slipring_bench"),
];
