//! Text from a cluster, a script or a record, made safe for a terminal.
//!
//! A label or a log line may hold control sequences that recolour, move or hide what stands on the screen, and
//! bidirectional overrides that make a diff read the other way round. None of them reaches the terminal.

use std::borrow::Cow;
use std::fmt::Write as _;

/// One line of text: control characters, line breaks included, and invisible direction marks are spelled out.
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            c if is_unsafe(c) => write!(safe, "\\u{{{:x}}}", u32::from(c)).expect("writing to a string cannot fail"),
            c => safe.push(c),
        }
    }
    Cow::Owned(safe)
}

/// A text of several lines: as [`line()`], but its line breaks stay.
pub fn lines(text: &str) -> impl Iterator<Item = Cow<'_, str>> {
    text.lines().map(line)
}

/// On one line: runs of white space become one space each, as where a script's condition is quoted.
pub fn joined(text: &str) -> String {
    let words: Vec<_> = text.split_whitespace().collect();
    line(&words.join(" ")).into_owned()
}

fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{61c}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_that_moves_the_cursor_or_turns_the_text_gets_through() {
        assert_eq!(line("plain – ✓ 実行"), "plain – ✓ 実行");
        assert_eq!(line("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(line("50\u{202e}0"), "50\\u{202e}0");
        assert_eq!(line("a\r\nb\u{9b}31m"), "a\\r\\nb\\u{9b}31m");
        assert_eq!(lines("a\nb\u{7}").collect::<Vec<_>>(), ["a", "b\\u{7}"]);
        assert_eq!(joined(" a\n   b \tc"), "a b c");
    }
}
