//! Which changes a run has made, and which of them are proved.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use crate::effect::ObjectRef;
use crate::record::event::{Changing, UndoOutcome};
use crate::value::Document;

/// The changes of a run, oldest first, and its open steps.
#[derive(Default)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Entry>,
    /// What a person says to have done by hand, and no step that passed has proved yet.
    pub(crate) by_hand: Vec<String>,
    /// Whether a proof has passed since the last change.
    pub(crate) proved: bool,
    pub(crate) steps: Vec<OpenStep>,
    /// What a person answered that outlives the question.
    pub(crate) order: Option<Order>,
    /// How many changes earlier inputs of a prompt have made: no failure of a later one takes them back.
    pub(crate) earlier: usize,
    /// How many inputs were typed, at whichever prompt of the run.
    pub(crate) inputs: u64,
    /// What an answer ends: nothing is typed in a run, so it is the run then.
    pub(crate) typed: bool,
}

/// What a person said shall become of the changes when they ended the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// They stay as they are.
    LeaveAll,
    /// They are all taken back, proved or not.
    TakeBackAll,
}

/// A step that has not ended.
pub(crate) struct OpenStep {
    /// Whether a person has approved the rest of its changes.
    pub(crate) approved: bool,
}

/// A change that was sent. Of many changes few are looked at again, and text takes a fifth of the memory of values.
pub(crate) struct Entry {
    /// The line number of its `Changing`.
    pub(crate) number: u64,
    pub(crate) object: ObjectRef,
    /// As it was sent, secrets included: this process can take back what the record cannot. JSON, as in a record.
    changing: Box<str>,
    /// The object as the server answered; `None` if the answer was lost.
    post_image: Option<Document>,
    pub(crate) state: State,
}

impl Entry {
    /// The change as it was sent.
    pub(crate) fn changing(&self) -> Changing {
        serde_json::from_str(&self.changing)
            .expect("a change was written here, and changes are read as they were written")
    }

    /// The object as the server answered; `None` if the answer was lost.
    pub(crate) fn post_image(&self) -> Option<Value> {
        self.post_image.as_ref().map(Document::value)
    }
}

/// What has become of a change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// Made, and not proved yet.
    Unsettled,
    /// Made and proved: it stays.
    Settled,
    /// As before.
    TakenBack,
    /// It stays behind, for this reason.
    LeftBehind(String),
}

impl Ledger {
    /// Adds a change that was sent. Proofs before it say nothing about it.
    pub(crate) fn add(&mut self, number: u64, changing: &Changing, post_image: Option<&Value>) {
        self.entries.push(Entry {
            number,
            object: changing.object.clone(),
            changing: serde_json::to_string(changing).expect("a change is plain data with string keys").into(),
            post_image: post_image.map(Document::of),
            state: State::Unsettled,
        });
        self.proved = false;
    }

    /// Adds what a person has done. Proofs before it say nothing about it.
    pub(crate) fn add_by_hand(&mut self, what: &str) {
        self.by_hand.push(what.to_owned());
        self.proved = false;
    }

    /// Settles what is not settled, if a proof has passed since the last change. Answers their numbers.
    pub(crate) fn settle(&mut self) -> Vec<u64> {
        if !self.proved {
            return Vec::new();
        }
        self.by_hand.clear();
        let unsettled = self.entries.iter_mut().filter(|entry| entry.state == State::Unsettled);
        unsettled
            .map(|entry| {
                entry.state = State::Settled;
                entry.number
            })
            .collect()
    }

    /// Writes down what came of taking a change back.
    pub(crate) fn taken_back(&mut self, number: u64, outcome: &UndoOutcome) {
        // They stand in the order of their numbers.
        if let Ok(place) = self.entries.binary_search_by_key(&number, |entry| entry.number) {
            let entry = &mut self.entries[place];
            entry.state = match outcome {
                outcome if outcome.is_clean() => State::TakenBack,
                other => State::LeftBehind(other.to_string()),
            };
        }
    }

    /// The numbers of the changes in a state.
    pub(crate) fn numbers(&self, state: &State) -> Vec<u64> {
        self.entries.iter().filter(|entry| entry.state == *state).map(|entry| entry.number).collect()
    }

    /// What stays behind, each with its reason. What is not settled counts: nobody has proved it.
    pub(crate) fn left_behind(&self) -> Vec<(u64, String)> {
        let reason = |entry: &Entry| match &entry.state {
            State::Unsettled => Some(format!("{} was changed, and nothing has proved it", entry.object)),
            State::LeftBehind(why) => Some(format!("{}: {why}", entry.object)),
            State::Settled | State::TakenBack => None,
        };
        self.entries.iter().filter_map(|entry| Some((entry.number, reason(entry)?))).collect()
    }
}

/// A place in the run's list of changes, for `temporarily`.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    pub(crate) entries: usize,
    pub(crate) proved: bool,
    /// In a plan: changes planned before it.
    pub(crate) planned: usize,
}

/// A step that has begun. The engine gives it back when the step ends.
#[must_use = "a step that does not end never settles"]
#[derive(Debug)]
pub struct StepMark {
    pub(crate) title: String,
    pub(crate) depth: usize,
    pub(crate) started: Timestamp,
}

impl StepMark {
    /// How long the step has lasted at `now`.
    pub(crate) fn took(&self, now: Timestamp) -> Duration {
        super::between(self.started, now)
    }
}
