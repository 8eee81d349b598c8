//! The order in which a tree of runbooks is read: its chapters, and the runbooks of each.

use std::path::Path;

use meshbook_runtime::failure::{Failure, PARAM};
use serde::Deserialize;

/// The file of a tree that has it.
const FILE: &str = "contents.toml";

/// The chapters of a tree.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Contents {
    #[serde(default)]
    chapter: Vec<Chapter>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Chapter {
    title: String,
    /// Below the tree: `day2`.
    folder: String,
    /// Names in the folder, in the order in which they are read.
    #[serde(default)]
    runbooks: Vec<String>,
}

/// A chapter, and the places of its runbooks in the list that was sorted.
pub type Group<'a> = (Option<&'a str>, Vec<usize>);

impl Contents {
    /// Those of a tree; a tree without the file has none.
    ///
    /// # Errors
    /// `PARAM` if the file is there and cannot be read.
    pub fn of(tree: &Path) -> Result<Contents, Failure> {
        let path = tree.join(FILE);
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Contents::default()),
            Err(error) => return Err(Failure::new(&PARAM, format!("{} cannot be read: {error}", path.display()))),
        };
        toml::from_str(&text).map_err(|error| {
            Failure::new(&PARAM, format!("{} is no table of contents: {}", path.display(), error.message()))
                .hint("it has [[chapter]] with title, folder, and the names of its runbooks in their order")
        })
    }

    /// Sorts runbooks by chapter. What no chapter names comes last in that of its folder, or after all chapters.
    pub fn sorted(&self, names: &[String]) -> Vec<Group<'_>> {
        let mut left: Vec<usize> = (0..names.len()).collect();
        let mut groups: Vec<Group<'_>> = Vec::new();
        for chapter in &self.chapter {
            let within = format!("{}/", chapter.folder);
            let (mut of_it, others): (Vec<usize>, Vec<usize>) =
                left.into_iter().partition(|place| names[*place].starts_with(&within));
            left = others;
            of_it.sort_by_key(|place| {
                let name = names[*place].trim_start_matches(&within);
                chapter.runbooks.iter().position(|one| one == name).unwrap_or(usize::MAX)
            });
            if !of_it.is_empty() {
                groups.push((Some(&chapter.title), of_it));
            }
        }
        if !left.is_empty() {
            groups.push((None, left));
        }
        groups
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
mod tests {
    use super::*;

    #[test]
    fn chapters_come_in_their_order_and_what_none_names_comes_last() {
        let contents: Contents = toml::from_str(
            "[[chapter]]\ntitle = \"Second letter\"\nfolder = \"b\"\nrunbooks = [\"z\", \"gone\"]\n[[chapter]]\ntitle = \"Empty\"\nfolder = \"c\"\n",
        )
        .unwrap();
        let names = ["a/a", "b/a", "b/z", "bb/a"].map(str::to_owned);
        assert_eq!(contents.sorted(&names), [(Some("Second letter"), vec![2, 1]), (None, vec![0, 3])]);
        assert_eq!(Contents::default().sorted(&names), [(None, vec![0, 1, 2, 3])]);
        assert_eq!(Contents::default().sorted(&[]), []);
    }

    #[test]
    fn a_broken_file_is_named() {
        let tree = tempfile::tempdir().unwrap();
        assert_eq!(Contents::of(tree.path()).unwrap(), Contents::default());
        std::fs::write(tree.path().join(FILE), "[[chapters]]").unwrap();
        let message = Contents::of(tree.path()).unwrap_err().message;
        assert!(message.contains("contents.toml is no table of contents: unknown field `chapters`"), "{message}");
    }
}
