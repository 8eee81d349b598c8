//! What the prompt needs of the program around it: a screen, answers of a person, and what its other commands know.

use std::collections::BTreeMap;
use std::path::PathBuf;

use meshbook_runtime::engine::Diagnostic;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::record::event::Line;
use meshbook_runtime::value::Table;

/// How a piece of text is meant; everything reads without colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// A title.
    Bold,
    /// What may be passed over.
    Dim,
    /// What is well.
    Good,
    /// What is dangerous, or failed.
    Bad,
    /// What should be noticed.
    Notice,
    /// A name that can be typed.
    Name,
}

/// The program around the prompt.
pub trait Front: Send + Sync {
    /// Nothing is being waited for any more.
    fn clear(&self);

    /// A line of the report.
    fn print(&self, line: &str);

    /// A line beside the report.
    fn say(&self, line: &str);

    /// A value, or a list, as a table that fits the screen.
    fn table(&self, table: &Table);

    /// What went wrong, with its place.
    fn diagnostic(&self, diagnostic: &Diagnostic);

    /// Text as the screen can show it.
    fn paint(&self, ink: Ink, text: &str) -> String;

    /// Whether the screen shows colours.
    fn colour(&self) -> bool;

    /// A line that a person types in answer to a question; `None` if nobody answers.
    fn ask(&self, question: &str) -> Option<String>;

    /// A record as a timeline.
    fn timeline(&self, record: &[Line]);

    /// A record as Markdown, for a post-mortem. `found` is what came of its inputs, by their numbers.
    fn post_mortem(&self, record: &[Line], found: &BTreeMap<u64, String>) -> String;

    /// What a code means, at length.
    ///
    /// # Errors
    /// When there is no such code, with the nearest.
    fn explain(&self, code: &str) -> Result<(), Failure>;

    /// The file of a runbook, by its path or its name.
    ///
    /// # Errors
    /// When there is none, or several.
    fn runbook(&self, name: &str) -> Result<PathBuf, Failure>;

    /// Every runbook, with its name.
    fn runbooks(&self) -> Vec<(String, PathBuf)>;

    /// Parameters that are written as `NAME=VALUE`.
    ///
    /// # Errors
    /// When one is not.
    fn parameters(&self, words: &[String]) -> Result<BTreeMap<String, String>, Failure>;
}
