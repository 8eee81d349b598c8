//! Label selectors that scripts write, looked through before they are sent: one that is wrong, or empty by accident, would
//! choose other objects than were meant.
//!
//! Grammar: `k8s.io/apimachinery/pkg/labels`, <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/>.

use std::sync::LazyLock;

use meshbook_runtime::failure::{Failure, TYPE};
use regex::Regex;

use crate::text::first_line;

static REQUIREMENT: LazyLock<Regex> = LazyLock::new(|| {
    let name = "[A-Za-z0-9](?:[A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?";
    let prefix = "[a-z0-9](?:[a-z0-9.-]{0,251}[a-z0-9])?";
    let key = format!("(?:{prefix}/)?{name}");
    let value = format!("(?:{name})?");
    let set = format!(r"\(\s*{value}\s*(?:,\s*{value}\s*)*\)");
    Regex::new(&format!(
        r"^\s*(?:!\s*{key}|{key}|{key}\s*(?:==|=|!=)\s*{value}|{key}\s+(?:in|notin)\s*{set}|{key}\s*[<>]\s*\d+)\s*$"
    ))
    .expect("the pattern is a constant that the tests compile")
});

/// The selector, if it is one that chooses by something.
///
/// # Errors
/// `TYPE` with the requirement that is none.
pub fn checked(selector: String) -> Result<String, Failure> {
    let wrong = |why: String| {
        Failure::new(&TYPE, why)
            .hint("write for example `app=front`, `app in (front, graph-core),version!=v1` or `!canary`")
    };
    if selector.trim().is_empty() {
        return Err(wrong(
            "the label selector is empty, which would choose every object: leave it out to mean that".into(),
        ));
    }
    let wrong_part =
        requirements(&selector).find(|part| !REQUIREMENT.is_match(part)).map(|part| first_line(part.trim()));
    match wrong_part {
        Some(part) => Err(wrong(format!("`{part}` in the label selector chooses by no label"))),
        None => Ok(selector),
    }
}

/// The parts between commas that stand in no set.
fn requirements(selector: &str) -> impl Iterator<Item = &str> {
    let mut depth = 0_i32;
    selector.split(move |letter| {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        letter == ',' && depth == 0
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn selectors_of_the_documentation() {
        for selector in [
            "environment=production,tier!=frontend",
            "environment in (production, qa),tier notin (frontend,backend)",
            "partition,!partition",
            "app.kubernetes.io/name == front",
            "version=",
            "generation > 3",
        ] {
            assert_eq!(checked(selector.into()).expect(selector), selector);
        }
    }

    #[test]
    fn what_is_no_selector_says_which_part() {
        for (selector, part) in [
            ("app=front,", "``"),
            ("app=front&limit=1", "`app=front&limit=1`"),
            ("app=front,version in v1", "`version in v1`"),
            ("a b", "`a b`"),
            ("-app", "`-app`"),
            ("app=\"front\"", "`app=\"front\"`"),
        ] {
            let failure = checked(selector.into()).expect_err(selector);
            assert!(failure.message.contains(part), "{failure}");
        }
        assert!(checked("  ".into()).expect_err("empty").message.contains("every object"));
    }

    proptest! {
        #[test]
        fn nothing_panics(selector in "[a-z!=(), .<>/&\n-]{0,40}") {
            let _ = checked(selector);
        }
    }
}
