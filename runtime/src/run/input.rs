//! A run whose script is typed: one input after another, at a prompt.
//!
//! Each input is judged as a script of its own is, and the run goes on. `docs/decisions/0012-*` says why so.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::finish::Cause;
use super::ledger::State;
use super::wall::{Guard, Stopwatch};
use super::{Ending, Mark, Run, Stop, between};
use crate::failure::{Failure, INTERRUPTED};
use crate::record::event::{Changing, Ended, Event};
use crate::record::redact;

/// An input that is being carried out. It is given back when it ends.
#[must_use = "an input that does not end leaves the latch as it is"]
pub struct InputMark {
    number: u64,
    started: Timestamp,
    watch: Stopwatch,
    first_line: u64,
    changes: usize,
    /// Ends with the input: nobody interrupts what is over.
    guard: Guard,
}

impl InputMark {
    /// The input's number in its run, from 1.
    pub fn number(&self) -> u64 {
        self.number
    }
}

/// What an input has done to the outside world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Done {
    /// Reads and probes.
    pub reads: u64,
    /// Changes that were sent.
    pub changes: usize,
    /// Its first and its last line in the record.
    pub lines: (u64, u64),
    /// How long it took on the wall clock.
    pub took: Duration,
}

/// A change that the run has made, for a person to look at.
#[derive(Clone, Debug)]
pub struct Made {
    /// Its line in the record.
    pub number: u64,
    /// The change, secrets redacted.
    pub changing: Changing,
    /// What has become of it.
    pub state: State,
}

impl Made {
    /// Whether it is in force, or may be.
    pub fn stands(&self) -> bool {
        self.state != State::TakenBack
    }
}

impl Run {
    /// Begins an input. `cancel` stops this one and no later one.
    pub fn input_started(&self, text: &str, cancel: CancellationToken) -> InputMark {
        let started = self.caller.now();
        self.gate.meter.renew();
        let number = {
            let mut ledger = self.ledger.lock();
            ledger.typed = true;
            ledger.inputs += 1;
            ledger.inputs
        };
        let first_line = self.note(Event::Input { input: number, text: text.into() });
        let latch = Arc::clone(&self.caller.latch);
        let guard = Guard::when(&self.caller.handle, async move { cancel.cancelled().await }, move || {
            latch.raise(Stop::Failed(Failure::new(&INTERRUPTED, "the input was interrupted")));
        });
        InputMark {
            number,
            started,
            watch: Stopwatch::start(),
            first_line,
            changes: self.ledger.lock().entries.len(),
            guard,
        }
    }

    /// Ends an input: settles what proofs have followed, takes back what a failed input has changed itself, and opens
    /// the latch. `result` is what came of the text; the latch outranks it. Answers the ending, if the input said one.
    ///
    /// # Errors
    /// Why the input failed.
    pub fn input_ended(&self, mark: InputMark, result: Result<(), Failure>) -> (Done, Result<Option<Ending>, Failure>) {
        let InputMark { number, started, watch, first_line, changes, guard } = mark;
        drop(guard);
        let outcome = match (self.verdict(), result) {
            (None, Ok(())) => {
                self.settle();
                Ok(None)
            }
            (Some(Stop::Ended(ending)), _) => self.said(ending),
            (Some(stop), _) => Err(stop.failure()),
            (None, Err(failure)) => Err(failure),
        };
        if let Err(failure) = &outcome {
            self.take_back_after(failure);
        }
        let now = self.caller.now();
        let failure = outcome.as_ref().err().map(|failure| (failure.code.name.to_owned(), failure.message.clone()));
        let last_line = self.note(Event::InputEnded { input: number, took: between(started, now), failure });
        let made = {
            let mut ledger = self.ledger.lock();
            ledger.order = None;
            ledger.steps.clear();
            ledger.earlier = ledger.entries.len();
            ledger.entries.len() - changes
        };
        self.caller.latch.open();
        let done =
            Done { reads: self.gate.meter.spent(), changes: made, lines: (first_line, last_line), took: watch.took() };
        (done, outcome)
    }

    /// An ending that an input said. It ends the input, and is judged as the ending of a script is.
    fn said(&self, ending: Ending) -> Result<Option<Ending>, Failure> {
        match self.judged(Cause::Ending(ending)) {
            Cause::Ending(ending) => {
                self.settle();
                self.take_back_unsettled(&format!(
                    "the input ended by `{}` before a proof had followed the change",
                    ending.word()
                ));
                Ok(Some(ending))
            }
            Cause::Failure(failure) => Err(failure),
            Cause::Left | Cause::Planned(_) => Ok(None),
        }
    }

    /// Every change that the run has made, oldest first.
    pub fn made(&self) -> Vec<Made> {
        let ledger = self.ledger.lock();
        let entries = ledger.entries.iter().map(|entry| {
            let mut changing = entry.changing();
            redact::changing(&mut changing);
            Made { number: entry.number, changing, state: entry.state.clone() }
        });
        entries.collect()
    }

    /// The numbers of the changes that were made since the mark.
    pub fn made_since(&self, mark: Mark) -> Vec<u64> {
        self.ledger.lock().entries.iter().skip(mark.entries).map(|entry| entry.number).collect()
    }

    /// Takes back the changes of these numbers, proved or not, newest first. Answers whether all are as before.
    pub fn take_back_numbers(&self, numbers: &[u64], why: &str) -> bool {
        self.take_back(why, |_, entry| numbers.contains(&entry.number) && entry.state != State::TakenBack)
    }

    /// Whether changes are refused.
    pub fn is_read_only(&self) -> bool {
        self.gate.is_read_only()
    }

    /// From now on changes may be made; each is still asked for.
    pub fn allow_changes(&self) {
        self.gate.allow_changes();
    }

    /// Ends a run whose prompt a person has left. What stands stays, and is said to.
    pub fn leave(&self) -> Ended {
        self.guards.lock().clear();
        self.close(Cause::Left)
    }
}
