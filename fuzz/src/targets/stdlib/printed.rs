//! What a throw-away pod's log says: lines that curl printed, between lines of anything else.
//!
//! Beyond "no panic": only whole lines of the expected form are answers, their times are times, and what people are told
//! of one is a single line. And what a script gives as an address or a path becomes nothing that curl expands.

use meshbook_stdlib::request::{address, curl};

/// See the module.
pub fn run(text: &str) {
    let answers = curl::read(text);
    assert!(answers.len() <= text.lines().filter(|line| line.starts_with("meshbook\t")).count());
    for answer in &answers {
        assert!(answer.seconds.is_finite() && answer.seconds >= 0.0, "{answer:?}");
        assert!(!answer.outcome().contains('\n') && answer.status != Some(0), "{answer:?}");
    }
    let expands = |sent: &str| sent.contains(|c: char| "[]{}\\\" \n#".contains(c)) || !sent.is_ascii();
    for sent in [address::authority(text), address::path(text)].into_iter().flatten() {
        assert!(!expands(&sent), "{text:?} becomes {sent:?}");
        assert!(address::authority(&sent).is_ok() || address::path(&sent).is_ok_and(|again| again == sent), "{sent:?}");
    }
}
