//! Items of which each is there, or not, or cannot be told: what [`crate::onboarding`] and [`crate::gateway`] are made of.

use meshbook_runtime::value::Table;
use serde_json::{Value, json};

/// How far an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// It is there.
    There,
    /// It is not.
    Lacking,
    /// Nobody can tell.
    Unknown,
}

impl State {
    /// How people read it.
    pub fn word(self) -> &'static str {
        match self {
            State::There => "there",
            State::Lacking => "lacking",
            State::Unknown => "unknown",
        }
    }
}

/// One item.
#[derive(Clone, Debug)]
pub struct Item {
    /// Which.
    pub what: &'static str,
    /// How far it is.
    pub state: State,
    /// What was seen.
    pub seen: String,
}

/// A table with a row for each item.
pub fn table(title: String, items: &[Item]) -> Table {
    let mut table = Table::new(title, &["ITEM", "IS", "SEEN"]);
    for item in items {
        table.row([item.what.to_owned(), item.state.word().to_owned(), item.seen.clone()]);
    }
    table
}

/// The items as they stand in the record.
pub fn json(items: &[Item]) -> Vec<Value> {
    let one = |item: &Item| json!({ "item": item.what, "there": item.state == State::There, "seen": item.seen });
    items.iter().map(one).collect()
}
