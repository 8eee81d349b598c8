//! Finding runbooks: as a file, or by name in the tree `./runbooks`.

use std::path::{Path, PathBuf};

use meshbook_rehearsal::suite;
use meshbook_runtime::failure::{Failure, PARAM, nearest};

/// The tree in which runbooks are found by name.
pub const TREE: &str = "runbooks";

/// Folder of the tree that holds what runbooks import.
const LIBRARY: &str = "lib";

/// The file of a runbook that was given as a path or a name.
///
/// # Errors
/// When there is none, or several; with the nearest name.
pub fn find(given: &Path) -> Result<PathBuf, Failure> {
    find_in(given, Path::new(TREE))
}

fn find_in(given: &Path, tree: &Path) -> Result<PathBuf, Failure> {
    if given.is_dir() {
        return Err(Failure::new(&PARAM, format!("{} is a folder, not a runbook", given.display()))
            .hint("`meshbook list` lists the runbooks; `meshbook check DIR` checks all of them"));
    }
    if given.is_file() || given.is_absolute() {
        // A path that leads nowhere is reported by whoever reads it, with the reason of the system.
        return Ok(given.to_path_buf());
    }
    let all = all_in(tree);
    let matches: Vec<_> = all.iter().filter(|path| is_named(path.strip_prefix(tree).unwrap_or(path), given)).collect();
    match matches[..] {
        [one] => Ok(one.clone()),
        [] => {
            let names: Vec<String> = all.iter().flat_map(|path| [name(path, tree), stem(path)]).collect();
            let wanted = given.with_extension("").display().to_string();
            let near =
                nearest(&wanted, names.iter().map(String::as_str)).map(|near| format!("did you mean `{near}`? "));
            Err(Failure::new(
                &PARAM,
                format!("there is no runbook {}, neither as a file nor below {TREE}/", given.display()),
            )
            .hint(format!("{}`meshbook list` lists the runbooks", near.unwrap_or_default())))
        }
        _ => {
            let names: Vec<_> = matches.iter().map(|path| name(path, tree)).collect();
            Err(Failure::new(&PARAM, format!("{} runbooks are named {}", names.len(), given.display()))
                .hint(format!("write one of {}", names.join(", "))))
        }
    }
}

/// Every runbook of a folder and the folders in it, sorted; without what they import, and without their tests.
pub fn all_in(folder: &Path) -> Vec<PathBuf> {
    below(folder, |path| path.extension().is_some_and(|extension| extension == "rhai") && !suite::is_tests(path))
}

/// Every file of tests in a folder and the folders in it, sorted.
pub fn tests_in(folder: &Path) -> Vec<PathBuf> {
    below(folder, suite::is_tests)
}

fn below(folder: &Path, wanted: fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut found = Vec::new();
    collect(folder, wanted, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, wanted: fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    // A folder that cannot be read has no runbooks for this user.
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let hidden = entry.file_name().to_string_lossy().starts_with('.');
        match entry.file_type() {
            // Links are not followed: they could lead round in a circle, or out of the tree.
            Ok(kind) if kind.is_dir() && !hidden && entry.file_name() != LIBRARY => collect(&path, wanted, found),
            Ok(kind) if kind.is_file() && !hidden && wanted(&path) => found.push(path),
            _ => {}
        }
    }
}

/// A runbook's name in its tree: `troubleshooting/503-circuit-breaker`.
pub fn name(path: &Path, tree: &Path) -> String {
    path.strip_prefix(tree).unwrap_or(path).with_extension("").display().to_string()
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

fn is_named(path: &Path, given: &Path) -> bool {
    path.ends_with(given) || path.with_extension("").ends_with(given)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn a_runbook_is_found_by_its_path_its_name_and_the_end_of_its_path() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("runbooks");
        for file in [
            "troubleshooting/503.rhai",
            "troubleshooting/latency.rhai",
            "scaling/latency.rhai",
            "lib/certificates.rhai",
            "troubleshooting/503.test.rhai",
            "notes.txt",
        ] {
            let path = tree.join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, "").unwrap();
        }
        assert_eq!(all_in(&tree).len(), 3, "what is imported is no runbook, nor are tests");
        assert_eq!(tests_in(&tree), [tree.join("troubleshooting/503.test.rhai")]);
        for given in ["503", "503.rhai", "troubleshooting/503", "troubleshooting/503.rhai"] {
            assert_eq!(find_in(Path::new(given), &tree).unwrap(), tree.join("troubleshooting/503.rhai"), "{given}");
        }
        let two = find_in(Path::new("latency"), &tree).unwrap_err();
        assert_eq!(two.hint.as_deref(), Some("write one of scaling/latency, troubleshooting/latency"));
        let none = find_in(Path::new("latecny.rhai"), &tree).unwrap_err();
        assert_eq!(none.hint.as_deref(), Some("did you mean `latency`? `meshbook list` lists the runbooks"));
        assert!(find_in(&tree, &tree).unwrap_err().message.contains("is a folder"));
    }
}
