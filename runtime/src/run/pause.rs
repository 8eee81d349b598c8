//! A run that waits in the middle of its script, while a person looks.
//!
//! What is typed meanwhile is judged input by input, as at any prompt; the run's own latch, steps and budget are as they
//! were when it goes on. `docs/decisions/0013-*` says what may follow.

use super::ledger::{OpenStep, Order, State};
use super::{Run, Stop};
use crate::failure::{DEADLINE, Failure, INTERRUPTED};
use crate::record::event::Ended;

/// A run that waits. It is given back when the run goes on.
#[must_use = "a run that does not go on never ends"]
pub struct Paused {
    steps: Vec<OpenStep>,
    earlier: usize,
    typed: bool,
    spent: u64,
}

impl Run {
    /// Whether a person may look at a failure where it happened: not if somebody has ended the run, and not if its time
    /// is up.
    pub(crate) fn may_pause(&self, failure: &Failure) -> bool {
        let ended = matches!(self.verdict(), Some(Stop::Ended(_) | Stop::BlockTime(_)));
        let over = failure.is(&INTERRUPTED) || failure.is(&DEADLINE);
        !ended && !over && !self.is_rehearsing() && self.ledger.lock().order.is_none()
    }

    /// Lets inputs be carried out before the script goes on. No failure of theirs takes back what the script has changed.
    pub fn pause(&self) -> Paused {
        let spent = self.gate.meter.spent();
        self.caller.latch.open();
        let mut ledger = self.ledger.lock();
        let paused =
            Paused { steps: std::mem::take(&mut ledger.steps), earlier: ledger.earlier, typed: ledger.typed, spent };
        ledger.earlier = ledger.entries.len();
        paused
    }

    /// The script goes on, with an open latch.
    pub fn resume(&self, paused: Paused) {
        self.gate.meter.set(paused.spent);
        let mut ledger = self.ledger.lock();
        (ledger.steps, ledger.earlier, ledger.typed) = (paused.steps, paused.earlier, paused.typed);
    }

    /// A step was passed over at a prompt: what was proved before it does not speak for it, and the record says so.
    pub fn passed_over(&self, title: &str, what: &str) {
        self.ledger.lock().proved = false;
        self.warn(format!("the step \"{title}\" {what}; `fixed` needs a proof that follows"));
    }

    /// What has been changed stays, proved or not, because a person said so.
    pub fn leave_all(&self) {
        self.ledger.lock().order = Some(Order::LeaveAll);
    }

    /// Ends a run that waits, because nobody is there any more: what it has not proved is taken back, as when a run is
    /// interrupted.
    pub fn abandon(&self) -> Ended {
        self.caller.latch.open();
        {
            let mut ledger = self.ledger.lock();
            (ledger.earlier, ledger.order) = (0, None);
        }
        self.finish(Err(Failure::new(&INTERRUPTED, "the run was interrupted")))
    }

    /// Whether nothing stands that no proof has followed.
    pub fn is_settled(&self) -> bool {
        self.ledger.lock().entries.iter().all(|entry| entry.state != State::Unsettled)
    }
}
