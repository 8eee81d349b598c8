//! Looking for words in the descriptions of primitives and runbooks.

use meshbook_runtime::engine::Script;
use meshbook_runtime::primitive::Library;

use crate::front::Front;

/// Something that was found.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Found {
    /// How well it fits; the smallest first.
    rank: (usize, usize),
    /// `function` or `runbook`.
    pub(crate) kind: &'static str,
    /// Its name, as one types it.
    pub(crate) name: String,
    /// What it is, in a line.
    pub(crate) summary: String,
}

/// Everything that most of the words fit, the best first.
pub(crate) fn search(words: &str, library: &Library, front: &dyn Front) -> Vec<Found> {
    let words: Vec<String> = words.split_whitespace().map(stem).collect();
    let primitives = library.primitives.iter().filter_map(|primitive| {
        let texts = [primitive.name, &primitive.search.join(" "), primitive.summary, primitive.doc];
        Some(Found {
            rank: rank(&words, &texts)?,
            kind: "function",
            name: primitive.signature(),
            summary: primitive.summary.into(),
        })
    });
    let runbooks = front.runbooks().into_iter().filter_map(|(name, path)| {
        let script = Script::load(&path, None, library).ok()?;
        let texts = [name.as_str(), "", script.summary(), &script.doc];
        Some(Found {
            rank: rank(&words, &texts)?,
            kind: "runbook",
            summary: script.summary().to_owned(),
            name: format!(":run {name}"),
        })
    });
    let mut found: Vec<_> = primitives.chain(runbooks).collect();
    found.sort();
    // Of functions and of runbooks the best each: who looks for a cause wants the runbook too.
    let best = |kind: &str| found.iter().find(|found| found.kind == kind).map(|found| found.rank.0);
    let (functions, runbooks) = (best("function"), best("runbook"));
    found.retain(|found| Some(found.rank.0) == if found.kind == "runbook" { runbooks } else { functions });
    found
}

/// How many words are missing, and how far from the name the others stand; `None` if none is there.
fn rank(words: &[String], texts: &[&str]) -> Option<(usize, usize)> {
    let texts: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
    let places: Vec<_> = words.iter().map(|word| texts.iter().position(|text| text.contains(word.as_str()))).collect();
    let missing = places.iter().filter(|place| place.is_none()).count();
    (missing < words.len()).then(|| (missing, places.into_iter().flatten().sum()))
}

/// A word without the endings that tell one from many.
fn stem(word: &str) -> String {
    let word = word.to_lowercase();
    for ending in ["ies", "es", "s", "y", "ing", "ed"] {
        if let Some(stem) = word.strip_suffix(ending).filter(|stem| stem.chars().count() >= 4) {
            return stem.to_owned();
        }
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_words_and_words_nearer_to_the_name_rank_first() {
        let words: Vec<_> = "certificate expiry".split(' ').map(stem).collect();
        assert_eq!(words, ["certificate", "expir"]);
        let name = rank(&words, &["certificates", "", "when they expire", ""]);
        let doc = rank(&words, &["secrets", "", "", "certificates, and when they expire"]);
        assert!(name < doc, "{name:?} {doc:?}");
        assert!(rank(&words, &["certificates", "", "", ""]) > doc, "a missing word counts most");
        assert_eq!(rank(&words, &["host", "", "", ""]), None);
    }
}
