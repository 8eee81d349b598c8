//! Steps, proofs, and what they settle.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::changed_back::HINT;
use super::ledger::{Entry, OpenStep, Order, State};
use super::{Mark, Run, StepMark, Stop};
use crate::change::undo::{self, Subject, Undoer};
use crate::change::{Change, Changed};
use crate::effect::ObjectRef;
use crate::failure::{Failure, PLAN_ENDS, PROOF};
use crate::record::event::{Event, ProofOutcome};

impl Run {
    /// Begins a step.
    ///
    /// # Errors
    /// What has stopped the run.
    pub fn step_started(&self, title: &str) -> Result<StepMark, Failure> {
        let now = self.caller.now();
        self.caller.latch.time_is(now);
        if let Some(failure) = self.caller.latch.failure() {
            return Err(failure);
        }
        let depth = {
            let mut ledger = self.ledger.lock();
            ledger.steps.push(OpenStep { approved: false });
            ledger.steps.len() - 1
        };
        self.journal.note(now, Event::StepStarted { title: title.into(), depth });
        Ok(StepMark { title: title.into(), depth, started: now })
    }

    /// Ends a step. If it passed, or the script ended the run in it, what its proofs stand for is settled; if it
    /// failed, what is not settled is taken back, even if the script handles the failure.
    pub fn step_ended(&self, mark: StepMark, passed: bool) {
        let verdict = self.verdict();
        let ended = matches!(verdict, Some(Stop::Ended(_)));
        if matches!(&verdict, Some(Stop::Failed(failure)) if failure.is(&PLAN_ENDS)) {
            // As far as the plan can see nothing failed; the record has no end of this step, as it has none of the script.
            self.ledger.lock().steps.truncate(mark.depth);
            return;
        }
        let left_to_others = match verdict {
            // The block whose time is up takes back what was changed inside it, and no more.
            Some(Stop::BlockTime(_)) => true,
            _ => self.ledger.lock().order == Some(Order::LeaveAll),
        };
        if passed || ended {
            self.settle();
        } else if !left_to_others {
            self.take_back_unsettled(&format!("the step \"{}\" failed", mark.title));
        }
        self.ledger.lock().steps.truncate(mark.depth);
        let now = self.caller.now();
        let took = mark.took(now);
        self.journal
            .note(now, Event::StepEnded { title: mark.title, depth: mark.depth, took, passed: passed || ended });
    }

    /// Ends a step that failed and that a person has looked at: what becomes of its changes has been decided, so nothing
    /// is taken back here.
    pub(crate) fn step_left(&self, mark: StepMark) {
        self.ledger.lock().steps.truncate(mark.depth);
        let now = self.caller.now();
        let took = mark.took(now);
        self.journal.note(now, Event::StepEnded { title: mark.title, depth: mark.depth, took, passed: false });
    }

    /// The present place in the list of changes.
    pub fn mark(&self) -> Mark {
        let ledger = self.ledger.lock();
        Mark { entries: ledger.entries.len(), proved: ledger.proved, planned: self.gate.overlay.len() }
    }

    /// Takes back every change made since the mark, proved or not, newest first. Nothing cuts it short but its own
    /// limits. What could not be taken back is recorded, and the run ends dirty.
    pub fn take_back_since(&self, mark: Mark, why: &str) {
        self.gate.overlay.truncate(mark.planned);
        let clean = self.take_back(why, |index, entry| {
            index >= mark.entries && matches!(entry.state, State::Unsettled | State::Settled)
        });
        if clean {
            // What is gone needs no proof: what was proved before it still is.
            self.ledger.lock().proved |= mark.proved;
        }
    }

    /// Creates an object that is there only while `during` runs, such as a throw-away pod. It takes the road of every
    /// change, and is deleted on every way out: whether `during` answers, fails, is stopped or panics, and whatever the
    /// cluster has written into the object since. What could not be deleted is recorded, and the run ends dirty.
    ///
    /// # Errors
    /// As of [`Run::change`], and those of `during`.
    pub fn briefly<T>(
        &self,
        creation: Change,
        why: &str,
        during: impl FnOnce(&Changed) -> Result<T, Failure>,
    ) -> Result<T, Failure> {
        struct Removes<'a>(&'a Run, Mark, &'a str);
        impl Drop for Removes<'_> {
            fn drop(&mut self) {
                self.0.take_back_since(self.1, self.2);
            }
        }
        debug_assert!(creation.before.is_null(), "only what did not exist can be there briefly");
        // Also what was sent and whose answer was lost is deleted, so it is watched from before it is sent.
        let _removes = Removes(self, self.mark(), why);
        let changed = self.change(Change { fleeting: true, ..creation })?;
        during(&changed)
    }

    /// Takes back what is not settled. Answers whether nothing of it stays behind.
    pub(crate) fn take_back_unsettled(&self, why: &str) -> bool {
        let earlier = self.ledger.lock().earlier;
        self.take_back(why, |index, entry| index >= earlier && entry.state == State::Unsettled)
    }

    /// Takes back all that stands. Answers whether nothing of it stays behind.
    pub(crate) fn take_back_everything(&self, why: &str) -> bool {
        let earlier = self.ledger.lock().earlier;
        self.take_back(why, |index, entry| index >= earlier && matches!(entry.state, State::Unsettled | State::Settled))
    }

    pub(super) fn take_back(&self, why: &str, which: impl Fn(usize, &Entry) -> bool) -> bool {
        let subjects: Vec<Subject> = {
            let ledger = self.ledger.lock();
            let chosen: Vec<&Entry> = ledger
                .entries
                .iter()
                .enumerate()
                .filter(|(index, entry)| which(*index, entry))
                .map(|(_, entry)| entry)
                .collect();
            // What has to be set back before one of them is, goes with it, proved or not.
            let before: Vec<ObjectRef> = chosen.iter().filter_map(|one| Some(one.changing().first?.object)).collect();
            let needed = |entry: &&Entry| {
                matches!(entry.state, State::Unsettled | State::Settled)
                    && before.iter().any(|first| undo::same_object(first, &entry.object))
            };
            let numbers: BTreeSet<u64> = chosen.iter().map(|one| one.number).collect();
            let is_chosen = |entry: &&Entry| numbers.contains(&entry.number);
            let all = ledger.entries.iter().rev().filter(|entry| is_chosen(entry) || needed(entry));
            undo::in_order(all.map(Subject::of_entry).collect(), Subject::changing)
        };
        let mut clean = true;
        Undoer::new(&self.caller, &self.journal, &self.settings.field_manager).take_back(
            subjects,
            why,
            |number, outcome| {
                clean &= outcome.is_clean();
                self.ledger.lock().taken_back(number, outcome);
            },
        );
        clean
    }

    /// Settles what proofs have followed.
    pub(crate) fn settle(&self) {
        let changes = self.ledger.lock().settle();
        if !changes.is_empty() {
            self.note(Event::Settled { changes });
        }
    }

    /// Records a `check`. One that passes settles, like a `wait`.
    ///
    /// # Errors
    /// [`PROOF`] if it did not pass.
    pub fn checked(&self, what: &str, passed: bool, detail: Option<String>) -> Result<(), Failure> {
        self.note(Event::Checked { what: what.into(), passed, detail: detail.clone() });
        if passed {
            self.ledger.lock().proved |= !self.is_rehearsing();
            return Ok(());
        }
        let seen = detail.map(|detail| format!(": {detail}")).unwrap_or_default();
        if let Some(back) = self.changed_back() {
            return Err(Failure::new(&PROOF, format!("{back}; the check \"{what}\" failed{seen}")).hint(HINT));
        }
        Err(Failure::new(&PROOF, format!("the check \"{what}\" failed{seen}"))
            .hint("what was changed and not yet proved is taken back; look at what the check saw before you run again"))
    }

    /// Records what came of a `wait` or `hold`.
    pub fn proved(&self, word: &str, condition: &str, outcome: ProofOutcome, seen: Option<String>, took: Duration) {
        self.note(Event::Proved { word: word.into(), condition: condition.into(), outcome, seen, took });
        self.ledger.lock().proved |= outcome == ProofOutcome::Passed;
    }

    /// Looks at a proof before the first change of its step: only whether it can be evaluated counts, and it may not
    /// change anything.
    pub fn rehearse<T>(&self, look: impl FnOnce() -> T) -> T {
        struct Rehearsing<'a>(&'a Run);
        impl Drop for Rehearsing<'_> {
            fn drop(&mut self) {
                self.0.rehearsing.fetch_sub(1, Ordering::Relaxed);
            }
        }
        self.rehearsing.fetch_add(1, Ordering::Relaxed);
        let _rehearsing = Rehearsing(self);
        look()
    }

    /// Whether a proof is being looked at before the first change of its step, so that spans may be cut short.
    pub fn is_rehearsing(&self) -> bool {
        self.rehearsing.load(Ordering::Relaxed) > 0
    }
}
