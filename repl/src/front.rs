//! What the prompt needs of the program around it: a screen, answers of a person, and what its other commands know.

use std::collections::{BTreeMap, BTreeSet};
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

/// A value as it was seen once more, and what has changed since the last time.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Seen {
    /// What is looked at, how often, and what came of it.
    pub caption: String,
    /// The value.
    pub table: Table,
    /// Whether its title has changed.
    pub title_changed: bool,
    /// The cells that have changed, by row and column.
    pub cells: BTreeSet<(usize, usize)>,
    /// Rows that are no longer there, by their first cell.
    pub gone: Vec<String>,
    /// Whether anything else has changed.
    pub otherwise_changed: bool,
}

impl Seen {
    /// Whether all is as it was.
    pub fn is_unchanged(&self) -> bool {
        !self.title_changed && !self.otherwise_changed && self.cells.is_empty() && self.gone.is_empty()
    }
}

/// A place where a value is shown again and again.
pub trait Watching {
    /// Shows what was seen.
    fn see(&mut self, seen: Seen);
}

/// The program around the prompt.
pub trait Front: Send + Sync {
    /// Nothing is being waited for any more.
    fn clear(&self);

    /// A line of the report.
    fn print(&self, line: &str);

    /// A line beside the report.
    fn say(&self, line: &str);

    /// A value, or a list, as a table that fits the screen. A person can search what is longer than the screen is high.
    fn table(&self, table: &Table);

    /// The same, one row after another, a line for each column.
    fn records(&self, table: &Table);

    /// A place for a value that is looked at again and again. Dropping it ends that.
    fn watching(&self) -> Box<dyn Watching>;

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

    /// The world of the lab that a name or a file means, written so that it can be opened.
    ///
    /// # Errors
    /// When there is none.
    fn world(&self, name: &str) -> Result<String, Failure>;

    /// The id of the run that a person means.
    ///
    /// # Errors
    /// When there is none, or several.
    fn run(&self, run: &str) -> Result<String, Failure>;

    /// Parameters that are written as `NAME=VALUE`.
    ///
    /// # Errors
    /// When one is not.
    fn parameters(&self, words: &[String]) -> Result<BTreeMap<String, String>, Failure>;
}
