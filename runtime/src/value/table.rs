//! What `show` puts on the screen: a table, whoever draws it.

use serde::{Deserialize, Serialize};

use super::Plot;

/// Rows under headings. The terminal draws it; the record and `-o json` keep the value's JSON form instead.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// One line above it.
    pub title: String,
    /// Headings, upper case as kubectl's.
    pub columns: Vec<String>,
    /// Rows; each has as many cells as there are columns.
    pub rows: Vec<Vec<String>>,
    /// Lines below it: sources, what did not answer.
    pub notes: Vec<String>,
    /// The same as a drawing, which a terminal shows instead of the rows. The record has the value's JSON form.
    #[serde(skip)]
    pub drawing: Option<Drawing>,
}

/// What says more than rows where there is a terminal.
#[derive(Clone, Debug, PartialEq)]
pub enum Drawing {
    /// Curves over time.
    Plot(Plot),
    /// Fields that differ.
    Diff(Vec<Hunk>),
}

/// In what one thing differs from another.
#[derive(Clone, Debug, PartialEq)]
pub struct Hunk {
    /// What differs, and from what.
    pub heading: String,
    /// Path, what it is in the other, what it is here; `None` where it is absent.
    pub fields: Vec<(String, Option<String>, Option<String>)>,
}

impl Table {
    /// A table without rows yet.
    pub fn new(title: impl Into<String>, columns: &[&str]) -> Self {
        Table { title: title.into(), columns: columns.iter().map(|c| (*c).to_owned()).collect(), ..Table::default() }
    }

    /// A value that one line says.
    pub fn line(title: impl Into<String>) -> Self {
        Table { title: title.into(), ..Table::default() }
    }

    /// Adds a row.
    pub fn row<const N: usize>(&mut self, cells: [String; N]) -> &mut Self {
        self.rows.push(cells.into());
        self
    }

    /// Adds a line below the table.
    pub fn note(&mut self, note: impl Into<String>) -> &mut Self {
        self.notes.push(note.into());
        self
    }
}
