//! The rules: from a page and a source to complaints.

use std::collections::HashMap;

use super::Source;
use super::page::{Page, Place, leads_to};
use super::source::{Token, exports, imports, is_face, is_test, module_of, tokens};

/// What the packages' faces re-export: `ring::Op` is `ring::op::Op`.
pub struct Faces(HashMap<String, String>);

impl Faces {
    /// Reads the `pub use` lines of every face.
    pub fn read(sources: &[Source]) -> Self {
        let faces = sources.iter().filter(|source| is_face(&source.path));
        let all = faces.flat_map(|source| {
            let package = module_of(&source.path).unwrap_or_default();
            let short = move |name: String| if package.is_empty() { name } else { format!("{package}::{name}") };
            let package = module_of(&source.path).unwrap_or_default();
            exports(&tokens(&source.text), &package).into_iter().map(move |(name, path)| (short(name), path))
        });
        Self(all.collect())
    }

    /// The path that a re-exported name stands for, or the path itself.
    fn resolve<'a>(&'a self, path: &'a str) -> &'a str {
        self.0.get(path).map_or(path, String::as_str)
    }
}

/// Imports of `source` that go up or sideways, or that its row forbids.
pub fn floor_complaints(page: &Page, faces: &Faces, source: &Source) -> Vec<String> {
    let Some(module) = module_of(&source.path).filter(|module| !is_exempt(module, &source.path)) else {
        return Vec::new();
    };
    let Some(from) = page.place(&module) else {
        return vec![format!("{} has no floor in docs/ARCHITECTURE.md", source.path)];
    };
    let found = imports(&tokens(&source.text), &module);
    let complaints = found.iter().filter_map(|import| {
        let path = faces.resolve(&import.path);
        let why = objection(page, from, &module, path)?;
        let to = page.place(path).map_or(0, |place| place.number);
        Some(format!("{}:{} imports {path} (floor {to}) from floor {}: {why}", source.path, import.line, from.number))
    });
    complaints.collect()
}

/// Packages of crates.io that `source` names without being their owner.
pub fn owner_complaints(page: &Page, source: &Source) -> Vec<String> {
    let Some(module) = module_of(&source.path).filter(|_| !is_test(&source.path)) else { return Vec::new() };
    let tokens = tokens(&source.text);
    let strangers: Vec<String> = page.strangers(&module).collect();
    let named = tokens.iter().enumerate().filter_map(|(at, (token, line))| {
        let Token::Word(word) = token else { return None };
        let is_first = at == 0 || tokens[at - 1].0 != Token::Separator;
        let leads_on = tokens.get(at + 1).is_some_and(|(next, _)| *next == Token::Separator);
        (is_first && leads_on && strangers.contains(word))
            .then(|| format!("{}:{line} names `{word}`, which {module} does not own", source.path))
    });
    named.collect()
}

/// The word `unsafe` where it may not stand.
pub fn unsafe_complaints(source: &Source) -> Vec<String> {
    if ["engine/ring/", "engine/scan/"].iter().any(|folder| source.path.starts_with(folder)) {
        return Vec::new();
    }
    let is_unsafe = |token: &Token| matches!(token, Token::Word(word) if word == "unsafe");
    let found = tokens(&source.text).into_iter().filter(|(token, _)| is_unsafe(token));
    found.map(|(_, line)| format!("{}:{line} is unsafe outside engine/ring and engine/scan", source.path)).collect()
}

/// Why a file of `from` may not name `path`; `None` if it may.
fn objection(page: &Page, from: &Place, module: &str, path: &str) -> Option<String> {
    let to = page.place(path)?;
    let is_server = !["ring", "scan", "wire", "load"].iter().any(|package| leads_to(package, module));
    if to.group == from.group || (is_server && page.is_for_every_floor(path)) {
        return None;
    }
    if let Some(forbidden) = from.forbidden.iter().find(|forbidden| leads_to(forbidden, path)) {
        return Some(format!("`{forbidden}` is not for this floor"));
    }
    match (to.number, to.step).cmp(&(from.number, from.step)) {
        std::cmp::Ordering::Greater => Some("upward".to_owned()),
        std::cmp::Ordering::Equal => Some("sideways".to_owned()),
        std::cmp::Ordering::Less => None,
    }
}

/// Faces, unit tests and the benches belong to no floor.
fn is_exempt(module: &str, path: &str) -> bool {
    is_face(path) || is_test(path) || leads_to("bench", module)
}
