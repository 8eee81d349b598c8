//! Which of many names fit what is typed, and in which order: those that begin so, then those that hold its letters.

use nucleo_matcher::pattern::{Atom, AtomKind, CaseMatching, Normalization};
use nucleo_matcher::{Config, Matcher, Utf32Str};

use super::Candidate;

/// So many are shown; of the others it is said how many there are.
pub(crate) const SHOWN: usize = 100;
/// So many that only hold the letters are shown beside those that begin so, and only where those are fewer.
const BESIDE: usize = 10;
/// Fewer letters than this are looked for as they stand: scattered over a name they would be in most.
const SCATTERED: usize = 3;

/// Those that fit, the best first, each once. What begins with the word stands first, by the alphabet. Others stand beside
/// it only where the word cannot be completed further, and alone where nothing begins so.
pub(crate) fn fitting<T: Ord + Clone>(
    word: &str,
    names: impl IntoIterator<Item = T>,
    text: impl Fn(&T) -> &str,
) -> Vec<T> {
    let (mut begin, others): (Vec<T>, Vec<T>) = names.into_iter().partition(|name| text(name).starts_with(word));
    begin.sort_unstable();
    begin.dedup();
    let goes_on = begin.len() == 1 || shared(&begin, &text) > word.len();
    if word.is_empty() || goes_on && !begin.is_empty() {
        return begin;
    }
    let scattered = word.chars().count() >= SCATTERED;
    if !begin.is_empty() && (!scattered || begin.len() >= BESIDE) {
        return begin;
    }
    let kind = if scattered { AtomKind::Fuzzy } else { AtomKind::Substring };
    let wanted = Atom::new(word, CaseMatching::Smart, Normalization::Never, kind, false);
    let mut matcher = Matcher::new(Config::DEFAULT);
    let mut letters = Vec::new();
    let mut fuzzy: Vec<(std::cmp::Reverse<u16>, T)> = others
        .into_iter()
        .filter_map(|name| {
            let score = wanted.score(Utf32Str::new(text(&name), &mut letters), &mut matcher)?;
            Some((std::cmp::Reverse(score), name))
        })
        .collect();
    fuzzy.sort_unstable();
    fuzzy.dedup();
    if !begin.is_empty() {
        fuzzy.truncate(BESIDE);
    }
    begin.into_iter().chain(fuzzy.into_iter().map(|(_, name)| name)).collect()
}

/// As many bytes as all of them have in common at their beginning; they are in the order of the alphabet.
fn shared<T>(sorted: &[T], text: &impl Fn(&T) -> &str) -> usize {
    match (sorted.first(), sorted.last()) {
        (Some(first), Some(last)) => common(text(first), text(last)).len(),
        _ => 0,
    }
}

/// What two texts begin with.
fn common<'a>(one: &'a str, other: &str) -> &'a str {
    let same = one.char_indices().zip(other.chars()).find(|((_, a), b)| a != b);
    let end = same.map_or_else(|| one.len().min(other.len()), |((at, _), _)| at);
    &one[..end]
}

/// Cuts what is too much to be looked at. The line that says so carries what all have in common, because that is what an
/// editor completes a word by.
pub(crate) fn cut(mut candidates: Vec<Candidate>) -> Vec<Candidate> {
    let more = candidates.len().saturating_sub(SHOWN);
    if more > 0 {
        let first = candidates[0].text.clone();
        let shared = candidates.iter().fold(first.as_str(), |shared, one| common(shared, &one.text)).to_owned();
        candidates.truncate(SHOWN);
        candidates.push(Candidate { text: shared, shown: format!("… {more} more: type on") });
    }
    candidates
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn of(word: &str, names: &[&str]) -> Vec<String> {
        fitting(word, names.iter().map(|name| (*name).to_owned()), |name| name)
    }

    #[test]
    fn what_begins_so_stands_first_and_what_holds_the_letters_beside_it() {
        let names = ["graph-core-1", "graph-core-2", "coredns-1", "front-1", "corefile"];
        assert_eq!(of("", &names), ["coredns-1", "corefile", "front-1", "graph-core-1", "graph-core-2"]);
        assert_eq!(of("graph", &names), ["graph-core-1", "graph-core-2"], "the word goes on, nothing stands beside it");
        assert_eq!(of("core", &names), ["coredns-1", "corefile", "graph-core-1", "graph-core-2"]);
        assert_eq!(of("gcore2", &names), ["graph-core-2"]);
        assert_eq!(of("nt", &names), ["front-1"], "few letters are looked for as they stand");
        assert!(of("xyz", &names).is_empty());
    }

    #[test]
    fn what_is_cut_is_counted_and_does_not_complete_the_word_too_far() {
        let many = (0..250).map(|n| Candidate::of(format!("pod-{n:03}"))).collect();
        let cut = cut(many);
        assert_eq!((cut.len(), cut[SHOWN].text.as_str()), (SHOWN + 1, "pod-"));
        assert_eq!(cut[SHOWN].shown, "… 150 more: type on");
    }

    fn holds(name: &str, word: &str) -> bool {
        let mut rest = name.chars().flat_map(char::to_lowercase);
        word.chars().flat_map(char::to_lowercase).all(|letter| rest.any(|c| c == letter))
    }

    proptest! {
        #[test]
        fn the_order_is_one_whatever_order_they_come_in(
            names in proptest::collection::vec("[a-cé-]{0,8}", 0..30),
            word in "[a-cé-]{0,4}",
            turn in 0_usize..30,
        ) {
            let all: Vec<&str> = names.iter().map(String::as_str).collect();
            let found = of(&word, &all);
            let mut turned = all.clone();
            turned.rotate_left(turn % all.len().max(1));
            prop_assert_eq!(&found, &of(&word, &turned));
            let begins = |name: &String| name.starts_with(&word);
            let first = found.iter().take_while(|name| begins(name)).count();
            prop_assert!(found[..first].is_sorted() && !found[first..].iter().any(begins), "{:?}", found);
            prop_assert!(found.iter().all(|name| holds(name, &word)), "{:?}", found);
            let mut once = found.clone();
            once.sort();
            once.dedup();
            prop_assert_eq!(once.len(), found.len(), "each stands once: {:?}", found);
            for name in names.iter().filter(|name| name.starts_with(&word)) {
                prop_assert!(found.contains(name), "{} is not in {:?}", name, found);
            }
        }

        #[test]
        fn the_common_beginning_is_one(one in "\\PC{0,9}", other in "\\PC{0,9}") {
            let same = common(&one, &other);
            prop_assert!(one.starts_with(same) && other.starts_with(same));
            prop_assert_eq!(same, common(&other, &one));
        }
    }
}
