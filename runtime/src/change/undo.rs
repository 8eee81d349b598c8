//! Takes changes back, field by field, newest first.

use serde_json::Value;

use crate::record::event::{Changing, UndoOutcome};
use crate::record::journal::Journal;
use crate::run::{Caller, Entry};

/// A change to take back.
pub(crate) struct Subject {
    number: u64,
    changing: Changing,
    post_image: Option<Value>,
}

impl Subject {
    pub(crate) fn of_entry(entry: &Entry) -> Self {
        Subject { number: entry.number, changing: entry.changing.clone(), post_image: entry.post_image.clone() }
    }
}

/// Takes changes back.
pub(crate) struct Undoer<'a> {
    caller: &'a Caller,
    journal: &'a Journal,
}

impl<'a> Undoer<'a> {
    pub(crate) fn new(caller: &'a Caller, journal: &'a Journal) -> Self {
        Undoer { caller, journal }
    }

    pub(crate) fn take_back(&self, _subjects: Vec<Subject>, _why: &str, _tell: impl FnMut(u64, &UndoOutcome)) {}
}
