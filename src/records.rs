//! The runs of this machine, as a person names them.

use std::path::{Path, PathBuf};

use meshbook_runtime::failure::{Failure, PARAM};
use meshbook_runtime::record::list;

/// Fewest characters of an id that a list shows.
const SHORTEST: usize = 8;

/// The record of a run: its id, as much of it as is unique, or `last`.
///
/// # Errors
/// When there is none, or several.
pub fn find(home: &Path, wanted: &str) -> Result<PathBuf, Failure> {
    find_before(home, wanted, "")
}

/// The same, for a run that is not meant by `last` itself.
///
/// # Errors
/// When there is none, or several.
pub fn find_before(home: &Path, wanted: &str, run: &str) -> Result<PathBuf, Failure> {
    if wanted != "last" {
        return list::find(home, wanted);
    }
    let (runs, _) = list::list(home)?;
    let newest = runs.into_iter().find(|listed| listed.id != run);
    newest.map(|run| run.path).ok_or_else(|| {
        Failure::new(&PARAM, format!("there are no runs in {}", home.display()))
            .hint("MESHBOOK_HOME says where they are")
    })
}

/// As much of an id as is shown of one alone.
pub fn shortened(id: &str) -> &str {
    id.get(..SHORTEST).unwrap_or(id)
}

/// For each id as much of it as no other begins with.
pub fn short(ids: &[&str]) -> Vec<String> {
    let mut sorted = ids.to_vec();
    sorted.sort_unstable();
    ids.iter().map(|id| unique_prefix(id, &sorted)).collect()
}

fn unique_prefix(id: &str, sorted: &[&str]) -> String {
    let at = sorted.binary_search(&id).unwrap_or_default();
    let neighbours = [at.checked_sub(1), at.checked_add(1)].into_iter().flatten().filter_map(|index| sorted.get(index));
    let shared = neighbours.map(|other| id.bytes().zip(other.bytes()).take_while(|(a, b)| a == b).count()).max();
    id.chars().take(shared.map_or(SHORTEST, |shared| SHORTEST.max(shared + 1))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_shown_as_far_as_it_is_unique() {
        let ids = ["01KE7B0000000000000000000", "01KE7AAAAAAAAAAAAAAAAAAAA2", "01KE7AAAAAAAAAAAAAAAAAAAA1"];
        assert_eq!(short(&ids), ["01KE7B00", "01KE7AAAAAAAAAAAAAAAAAAAA2", "01KE7AAAAAAAAAAAAAAAAAAAA1"]);
        assert_eq!(short(&["01KE7B0000000000000000000"]), ["01KE7B00"]);
        assert_eq!(short(&[]), [""; 0]);
    }
}
