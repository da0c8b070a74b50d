//! Where reports go. Every place is looked at before the load, so that an hour of it is not lost to a wrong path; when
//! the load is over, all of them are written, whatever becomes of one.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::process;

use super::{Failure, STANDARD_OUTPUT, print, say};
use crate::report::StoreError;

/// The files and the folder that flags name. What was made for them and not written is taken away again.
#[derive(Debug, Default)]
pub(super) struct Destinations {
    // In this order: a folder is empty once its files are gone.
    files: Vec<Destination>,
    folder: Option<Folder>,
}

/// A file of a flag, or standard output.
#[derive(Debug)]
struct Destination {
    flag: &'static str,
    path: PathBuf,
    /// It was not there before, and nothing was written to it yet.
    is_new: bool,
}

/// What `--out` names.
#[derive(Debug)]
struct Folder {
    path: PathBuf,
    /// Folders that were not there before, the deepest first, as long as nothing is kept in them.
    made: Vec<PathBuf>,
}

/// Summaries are added to their file: a CI collects those of all its steps in one.
const ADDED: &str = "--summary-md";

impl Destinations {
    /// Looks at all of them. An older report stays as it is until the new one is written.
    ///
    /// # Errors
    /// When one of them cannot be written.
    pub(super) fn open(files: &[(&'static str, &Path)], out: Option<&Path>) -> Result<Self, Failure> {
        only_one(files)?;
        let folder = out.map(Folder::open).transpose()?;
        let mut opened = Self { files: Vec::new(), folder };
        for (flag, path) in files {
            opened.files.push(Destination::open(flag, path)?);
        }
        opened.check_apart()?;
        Ok(opened)
    }

    /// Two reports in one file would be one report.
    fn check_apart(&self) -> Result<(), Failure> {
        let places: Vec<_> = self.files.iter().filter_map(|file| Some((file.flag, file.regular()?))).collect();
        for (number, (flag, place)) in places.iter().enumerate() {
            if let Some((other, _)) = places[..number].iter().find(|other| other.1 == *place) {
                return Err(Failure::usage(format!("{other} and {flag} name the same file")));
            }
        }
        Ok(())
    }

    /// Writes all: `keep` into the folder, what `draw` makes of a flag into its file, and last `tell`, which is told
    /// whether standard output carries something else.
    ///
    /// # Errors
    /// The first that failed. The others are said on standard error.
    pub(super) fn write(
        mut self,
        keep: impl FnOnce(&Path) -> Result<(), StoreError>,
        draw: impl Fn(&str) -> String,
        tell: impl FnOnce(bool) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut written = Vec::new();
        written.extend(self.folder.as_mut().map(|folder| folder.keep(keep)));
        written.extend(self.files.iter_mut().map(|file| file.put(&draw(file.flag))));
        written.push(tell(self.files.iter().any(Destination::is_stdout)));
        let mut failures = written.into_iter().filter_map(Result::err);
        let Some(first) = failures.next() else { return Ok(()) };
        failures.for_each(|failure| say(&failure.message));
        Err(first)
    }
}

fn only_one(files: &[(&'static str, &Path)]) -> Result<(), Failure> {
    let to_stdout: Vec<_> = files.iter().filter(|(_, path)| is_stdout(path)).collect();
    match to_stdout.as_slice() {
        [(first, _), (second, _), ..] => {
            Err(Failure::usage(format!("{first} - and {second} -: standard output takes one of them")))
        }
        _ => Ok(()),
    }
}

fn is_stdout(path: &Path) -> bool {
    path.as_os_str() == STANDARD_OUTPUT
}

impl Destination {
    fn open(flag: &'static str, path: &Path) -> Result<Self, Failure> {
        let refused = |why: &dyn std::fmt::Display| {
            Failure::usage(format!("{flag} {}: not a file that can be written: {why}", path.display()))
        };
        let opened = |is_new| Self { flag, path: path.to_owned(), is_new };
        if is_stdout(path) {
            return Ok(opened(false));
        }
        match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(refused(&"it is a folder")),
            // It opens when somebody reads, which may be later.
            Ok(found) if found.file_type().is_fifo() => return Ok(opened(false)),
            _ => {}
        }
        match OpenOptions::new().write(true).create_new(true).open(path) {
            Ok(_) => Ok(opened(true)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                let there = OpenOptions::new().append(true).create(true).open(path);
                there.map(|_| opened(false)).map_err(|error| refused(&error))
            }
            Err(error) => Err(refused(&error)),
        }
    }

    fn is_stdout(&self) -> bool {
        is_stdout(&self.path)
    }

    /// Which file it is, if it keeps what is written to it.
    fn regular(&self) -> Option<(u64, u64)> {
        let found = fs::metadata(&self.path).ok().filter(|found| !self.is_stdout() && found.is_file())?;
        Some((found.dev(), found.ino()))
    }

    fn put(&mut self, text: &str) -> Result<(), Failure> {
        if self.is_stdout() {
            return print(text);
        }
        self.is_new = false;
        let written = if self.flag == ADDED { add(&self.path, text) } else { fs::write(&self.path, text) };
        written.map_err(|error| Failure::usage(format!("writing {} failed: {error}", self.path.display())))
    }
}

fn add(path: &Path, text: &str) -> io::Result<()> {
    OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes())
}

impl Drop for Destination {
    fn drop(&mut self) {
        let is_empty = || fs::metadata(&self.path).is_ok_and(|found| found.is_file() && found.len() == 0);
        if self.is_new && is_empty() {
            // Whoever cannot take it away leaves an empty file.
            let _ = fs::remove_file(&self.path);
        }
    }
}

impl Folder {
    fn open(path: &Path) -> Result<Self, Failure> {
        let refused = |error: io::Error| Failure::usage(format!("--out {}: {error}", path.display()));
        if path.exists() && !path.is_dir() {
            return Err(Failure::usage(format!("--out {}: there is a file of that name", path.display())));
        }
        let missing = path.ancestors().take_while(|part| !part.as_os_str().is_empty() && !part.exists());
        let folder = Self { path: path.to_owned(), made: missing.map(Path::to_owned).collect() };
        fs::create_dir_all(path).map_err(refused)?;
        let probe = path.join(format!(".slipring-load-{}", process::id()));
        OpenOptions::new().write(true).create_new(true).open(&probe).map_err(refused)?;
        fs::remove_file(&probe).map_err(refused)?;
        Ok(folder)
    }

    fn keep(&mut self, keep: impl FnOnce(&Path) -> Result<(), StoreError>) -> Result<(), Failure> {
        keep(&self.path).map_err(|error| Failure::usage(error.to_string()))?;
        self.made.clear();
        Ok(())
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // One that is not empty stays.
        self.made.iter().for_each(|path| drop(fs::remove_dir(path)));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_written_leaves_nothing_and_what_was_there_stays() {
        let home = tempfile::tempdir().expect("a folder");
        let path = |name: &str| home.path().join(name);
        fs::write(path("old.json"), "old").expect("a file");
        let (old, new, out) = (path("old.json"), path("new.csv"), path("a/b"));
        let opened = Destinations::open(&[("--json", &old), ("--csv", &new)], Some(&out)).expect("good places");
        assert!(new.exists() && out.is_dir());
        drop(opened);
        assert!(!new.exists() && !path("a").exists());
        assert_eq!(fs::read_to_string(&old).expect("it is there"), "old");
    }

    #[test]
    fn all_are_written_whatever_becomes_of_one() {
        let home = tempfile::tempdir().expect("a folder");
        let (first, last) = (home.path().join("first"), home.path().join("last"));
        let files = [("--json", first.as_path()), ("--csv", Path::new("/dev/full")), ("--html", last.as_path())];
        let mut is_told = false;
        let keep = |_: &Path| Ok(());
        let tell = |is_taken: bool| {
            is_told = !is_taken;
            Ok(())
        };
        let failure = Destinations::open(&files, None).expect("good places").write(keep, str::to_owned, tell);
        assert!(failure.is_err_and(|failure| failure.message.contains("/dev/full")));
        let read = |path: &Path| fs::read_to_string(path).expect("it was written");
        assert_eq!((read(&first).as_str(), read(&last).as_str(), is_told), ("--json", "--html", true));
    }

    #[test]
    fn places_that_cannot_be_written_are_refused() {
        let home = tempfile::tempdir().expect("a folder");
        let file = home.path().join("file");
        fs::write(&file, "text").expect("a file");
        let inside = file.join("sub");
        let refused = |flag, path: &Path| Destinations::open(&[(flag, path)], None).is_err();
        assert!(refused("--json", home.path()) && refused("--json", &inside));
        assert!(refused("--json", Path::new("/proc/no-such-file")));
        for out in [&file, &inside, Path::new("/proc/no/such")] {
            assert!(Destinations::open(&[], Some(out)).is_err(), "{}", out.display());
        }
        let twice = [("--json", file.as_path()), ("--csv", file.as_path())];
        assert!(Destinations::open(&twice, None).is_err_and(|failure| failure.message.contains("same file")));
    }
}
