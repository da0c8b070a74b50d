//! The page: floors, names for every floor, and owners, as `docs/ARCHITECTURE.md` writes them.

/// What the tables of the page say.
pub struct Page {
    places: Vec<Place>,
    everywhere: Vec<String>,
    owners: Vec<(String, Owner)>,
}

/// A module's place in the house.
#[derive(Debug)]
pub struct Place {
    /// The module, as the page writes it: `conn`, `wire::request`.
    pub path: String,
    /// The floor.
    pub number: u32,
    /// Its place within the floor: behind one `then`, 1.
    pub step: usize,
    /// Which module between two `·` it belongs to; its files may know one another.
    pub group: (usize, usize, usize),
    /// What its row forbids.
    pub forbidden: Vec<String>,
}

enum Owner {
    Anyone,
    Modules(Vec<String>),
}

impl Page {
    /// Reads the tables whose first heading is `floor` or `package`, and the sentence that begins with
    /// "Named on every floor".
    pub fn read(text: &str) -> Self {
        let mut page = Self { places: Vec::new(), everywhere: Vec::new(), owners: Vec::new() };
        let mut heading = String::new();
        for (index, line) in text.lines().enumerate() {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            match (line.starts_with('|'), heading.as_str()) {
                (false, _) => heading.clear(),
                (true, "") => cells[0].clone_into(&mut heading),
                (true, "floor") => page.floor(index, &cells),
                (true, "package") => page.owner(&cells),
                _ => {}
            }
        }
        page.everywhere = everywhere(text);
        assert!(page.places.len() > 20, "the floors table is gone from docs/ARCHITECTURE.md");
        assert!(page.owners.len() > 10, "the table of packages is gone from docs/ARCHITECTURE.md");
        assert!(page.everywhere.len() > 5, "the names for every floor are gone from docs/ARCHITECTURE.md");
        page
    }

    /// The place of a module or of something in it: that of the longest path that leads to it.
    pub fn place(&self, path: &str) -> Option<&Place> {
        let holders = self.places.iter().filter(|place| leads_to(&place.path, path));
        holders.max_by_key(|place| place.path.len())
    }

    /// Whether what `path` names is an opaque id, a plain value or time, and so for every floor of the server.
    pub fn is_for_every_floor(&self, path: &str) -> bool {
        let name = path.rsplit("::").next().unwrap_or(path);
        path.starts_with("ring::") && self.everywhere.iter().any(|entry| leads_to(entry, path) || entry == name)
    }

    /// Whether the table of packages has this one.
    pub fn owns(&self, package: &str) -> bool {
        self.owners.iter().any(|(name, _)| name == package)
    }

    /// The packages that `module` may not name, as they are written in code.
    pub fn strangers(&self, module: &str) -> impl Iterator<Item = String> {
        let is_stranger = move |owner: &Owner| match owner {
            Owner::Anyone => false,
            Owner::Modules(modules) => !modules.iter().any(|owner| leads_to(owner, module)),
        };
        self.owners.iter().filter(move |(_, owner)| is_stranger(owner)).map(|(name, _)| name.replace('-', "_"))
    }

    fn floor(&mut self, row: usize, cells: &[&str]) {
        let Ok(number) = cells[0].parse() else { return };
        for (step, members) in cells[1].split(" then ").enumerate() {
            for (group, members) in members.split('·').enumerate() {
                let forbidden = quoted(cells.last().copied().unwrap_or_default());
                let place =
                    |path| Place { path, number, step, group: (row, step, group), forbidden: forbidden.clone() };
                self.places.extend(quoted(members).into_iter().map(place));
            }
        }
    }

    fn owner(&mut self, cells: &[&str]) {
        let modules = quoted(cells[1]);
        for package in quoted(cells[0]) {
            let anyone = cells[1].starts_with("any");
            let owner = if anyone { Owner::Anyone } else { Owner::Modules(modules.clone()) };
            self.owners.push((package, owner));
        }
    }
}

/// Whether `holder` is `path` or a module above it.
pub fn leads_to(holder: &str, path: &str) -> bool {
    path.strip_prefix(holder).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

fn everywhere(text: &str) -> Vec<String> {
    let start = text.find("Named on every floor").unwrap_or(text.len());
    let sentence = text[start..].split('.').next().unwrap_or_default();
    quoted(sentence)
}

/// Everything between backticks.
fn quoted(text: &str) -> Vec<String> {
    text.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}
