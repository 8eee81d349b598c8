//! Finding the records of earlier runs.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use meshbook_runtime::failure::{Failure, NOT_FOUND};
use meshbook_runtime::record::file;

/// Fewest characters of an id that a list shows.
const SHORTEST: usize = 8;

/// The record of one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The run's id.
    pub id: String,
    /// As much of the id as is unique among all runs.
    pub short: String,
    /// Where it is.
    pub path: PathBuf,
}

/// All records, newest first: by when they were last written, because a lab's runs all begin at the same virtual time.
pub fn all(home: &Path) -> Vec<Record> {
    // A folder that is not there has no records.
    let Ok(entries) = std::fs::read_dir(file::directory(home)) else { return Vec::new() };
    let mut found: Vec<(SystemTime, String, PathBuf)> = entries
        .flatten()
        .filter_map(|entry| {
            let path = entry.path();
            let id = path.file_name()?.to_str()?.strip_suffix(".jsonl")?.to_owned();
            let written = entry.metadata().and_then(|metadata| metadata.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
            Some((written, id, path))
        })
        .collect();
    found.sort_by(|a, b| (&b.0, &b.1).cmp(&(&a.0, &a.1)));
    let mut ids: Vec<_> = found.iter().map(|(_, id, _)| id.clone()).collect();
    ids.sort();
    found.into_iter().map(|(_, id, path)| Record { short: unique_prefix(&id, &ids), id, path }).collect()
}

/// The record of a run: its id, as much of it as is unique, or `last`.
///
/// # Errors
/// When there is none, or several.
pub fn find(home: &Path, wanted: &str) -> Result<Record, Failure> {
    let records = all(home);
    let place = file::directory(home);
    if wanted == "last" {
        return records.into_iter().next().ok_or_else(|| Failure::new(&NOT_FOUND, format!("there are no runs in {}", place.display())));
    }
    // Ulids are written in upper case, and read in either.
    let prefix = wanted.to_ascii_uppercase();
    let mut matches: Vec<_> = records.into_iter().filter(|record| !prefix.is_empty() && record.id.starts_with(&prefix)).collect();
    match matches.len() {
        1 => Ok(matches.remove(0)),
        0 => Err(Failure::new(&NOT_FOUND, format!("there is no run {wanted} in {}", place.display()))
            .hint("`meshbook runs` lists the runs of this machine; MESHBOOK_HOME says where they are")),
        number => {
            let ids: Vec<_> = matches.iter().take(5).map(|record| record.short.as_str()).collect();
            Err(Failure::new(&NOT_FOUND, format!("{number} runs begin with {wanted}")).hint(format!("write more of the id: {}", ids.join(", "))))
        }
    }
}

/// As much of an id as no other begins with; `sorted` has all of them.
fn unique_prefix(id: &str, sorted: &[String]) -> String {
    let at = sorted.binary_search_by(|other| other.as_str().cmp(id)).unwrap_or_default();
    let neighbours = [at.checked_sub(1), at.checked_add(1)].into_iter().flatten().filter_map(|index| sorted.get(index));
    let shared = neighbours.map(|other| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()).max();
    id.chars().take(shared.map_or(SHORTEST, |shared| SHORTEST.max(shared + 1))).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn an_id_is_found_by_as_much_of_it_as_is_unique() {
        let home = tempfile::tempdir().unwrap();
        assert_eq!(all(home.path()), []);
        std::fs::create_dir(file::directory(home.path())).unwrap();
        for id in ["01KE7AAAAAAAAAAAAAAAAAAAA1", "01KE7AAAAAAAAAAAAAAAAAAAA2", "01KE7B0000000000000000000"] {
            std::fs::write(file::directory(home.path()).join(format!("{id}.jsonl")), "").unwrap();
        }
        std::fs::write(file::directory(home.path()).join("notes.txt"), "").unwrap();
        let mut shorts: Vec<_> = all(home.path()).into_iter().map(|record| record.short).collect();
        shorts.sort();
        assert_eq!(shorts, ["01KE7AAAAAAAAAAAAAAAAAAAA1", "01KE7AAAAAAAAAAAAAAAAAAAA2", "01KE7B00"]);
        assert_eq!(find(home.path(), "01ke7b").unwrap().id, "01KE7B0000000000000000000");
        assert_eq!(find(home.path(), "01KE7A").unwrap_err().message, "2 runs begin with 01KE7A");
        assert!(find(home.path(), "01KF").unwrap_err().message.starts_with("there is no run 01KF in "));
        assert!(find(home.path(), "").is_err());
        assert!(find(home.path(), "last").is_ok());
    }
}
