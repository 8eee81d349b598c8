//! From a line and a column to bytes. The first two bytes are the position, the rest is the text.
//!
//! Beyond "no panic": the range lies inside the text, between whole characters, and does not go on behind the end of its line.

use meshbook_runtime::engine::source::span;
use rhai::Position;

/// See the module.
pub fn run(input: &[u8]) {
    let [line, column, text @ ..] = input else { return };
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Some((start, length)) = span(text, Position::new(u16::from(*line).max(1), u16::from(*column))) else { return };
    let token = text.get(start..start + length).expect("the range is of whole characters inside the text");
    assert!(token.len() == 1 || !token.contains('\n'), "{token:?}");
}
