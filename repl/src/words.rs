//! What the five words of runbooks do, in a line, for `step?` and for completion.

/// A word, how it is written, and what it does.
pub(crate) const WORDS: [(&str, &str, &str); 5] = [
    ("param", "param NAME: TYPE = DEFAULT \"what it is\";", "A value that a runbook is given as NAME=VALUE."),
    (
        "step",
        "step \"title\" { … }",
        "A line of the manual: shown, timed, approved. If it fails, what it changed is taken back.",
    ),
    (
        "temporarily",
        "temporarily 10m \"why\" { … }",
        "Takes back every change made inside it when the block ends, however it ends.",
    ),
    ("wait", "wait 3m until { … };", "A proof: waits until the condition is true, and fails with what it last saw."),
    ("hold", "hold 1m while { … };", "A proof: the condition has to stay true all that time."),
];

#[cfg(test)]
mod tests {
    #[test]
    fn every_word_of_the_engine_is_told() {
        assert_eq!(super::WORDS.map(|(word, ..)| word), meshbook_runtime::engine::words::WORDS);
    }
}
