//! The five words that are added to Rhai: `param`, `step`, `temporarily`, `wait`, `hold`; and `test`, which only files of
//! tests know.

mod param;
mod proof;
mod step;
mod temporarily;
pub mod test;

use rhai::Engine;

/// The words.
pub const WORDS: [&str; 5] = ["param", "step", "temporarily", "wait", "hold"];

/// Teaches an engine the words.
pub(super) fn register(engine: &mut Engine) {
    param::register(engine);
    step::register(engine);
    temporarily::register(engine);
    proof::register(engine, "wait", "until");
    proof::register(engine, "hold", "while");
}

/// Whether a token after a number is a unit: `2m`, and `m30s` of `1m30s`.
fn is_unit(token: &str) -> bool {
    token.starts_with(|c: char| "smhd".contains(c)) && token.chars().all(|c| c.is_ascii_digit() || "smhd".contains(c))
}
