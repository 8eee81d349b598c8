//! How a run ends: what is taken back, and which exit code says so.

use super::changed_back::HINT;
use super::ledger::{Order, State};
use super::{Ending, Mode, Run, Stop, between};
use crate::failure::{DEADLINE, ENDING, Exit, Failure, INTERRUPTED, PLAN_ENDS, PROOF};
use crate::record::event::{Ended, Event};

/// What ended the run.
pub(super) enum Cause {
    /// A person left the prompt.
    Left,
    Ending(Ending),
    Failure(Failure),
    /// The script ran to its end, or as far as a plan can see.
    Planned(String),
}

impl Run {
    /// Ends the run: settles or takes back what is not settled, decides the exit, closes the record.
    ///
    /// `result` is what came of the script; the latch outranks it.
    pub fn finish(&self, result: Result<(), Failure>) -> Ended {
        self.guards.lock().clear();
        let cause = self.judged(self.cause(result));
        match &cause {
            Cause::Ending(ending) => {
                self.settle();
                self.take_back_unsettled(&format!(
                    "the run ended by `{}` before a proof had followed the change",
                    ending.word()
                ));
            }
            Cause::Failure(failure) => self.take_back_after(failure),
            Cause::Planned(_) | Cause::Left => {}
        }
        self.close(cause)
    }

    /// Writes down how the run ended, and gives back what it holds.
    pub(super) fn close(&self, cause: Cause) -> Ended {
        let ended = self.ended(cause);
        self.journal.end(self.caller.now(), Event::Ended(Box::new(ended.clone())));
        self.journal.reporter().progress(None);
        self.gate.locks.release();
        self.journal.close();
        ended
    }

    pub(super) fn take_back_after(&self, failure: &Failure) {
        let order = self.ledger.lock().order;
        match order {
            Some(Order::LeaveAll) => true,
            Some(Order::TakeBackAll) => self.take_back_everything("you asked to undo so far"),
            None => self.take_back_unsettled(&failure.message),
        };
    }

    fn cause(&self, result: Result<(), Failure>) -> Cause {
        let plan = self.mode() == Mode::Plan;
        match (self.verdict(), result) {
            (Some(Stop::Ended(ending)), _) if plan && self.gate.overlay.has_planned() => {
                Cause::Planned(format!("the script would end by `{}`: {}", ending.word(), ending.message()))
            }
            (Some(Stop::Ended(Ending::Fixed { what })), _) if plan => {
                Cause::Planned(format!("the script would end by `fixed`: {what}"))
            }
            (Some(Stop::Ended(ending)), _) => Cause::Ending(ending),
            (Some(stop @ Stop::Failed(_)), _) | (Some(stop @ Stop::BlockTime(_)), _) => {
                self.failed(stop.failure(), plan)
            }
            (None, Err(failure)) => self.failed(failure, plan),
            (None, Ok(())) if plan => Cause::Planned("the script runs to its end".into()),
            (None, Ok(())) => {
                Cause::Failure(Failure::new(&ENDING, "the script came to its end without saying how it ends").hint(
                    "end every path by `fixed`, `found`, `not_this` or `cannot_tell`; `meshbook check` finds the path",
                ))
            }
        }
    }

    fn failed(&self, failure: Failure, plan: bool) -> Cause {
        if plan && failure.is(&PLAN_ENDS) {
            self.note(Event::NotEvaluated { what: failure.message.clone() });
            return Cause::Planned(failure.message);
        }
        Cause::Failure(failure)
    }

    /// `fixed` has to be proved, and what it stands on must still be there.
    pub(super) fn judged(&self, cause: Cause) -> Cause {
        match cause {
            Cause::Ending(Ending::Fixed { what }) if !self.ledger.lock().proved => Cause::Failure(
                Failure::new(&ENDING, format!("the script says `fixed` ({what}), but no proof has followed its last change"))
                    .hint("put a `wait`, `hold` or `check` after the last change: `fixed` is allowed only when one has passed"),
            ),
            Cause::Ending(Ending::Fixed { what }) => match self.changed_back() {
                None => Cause::Ending(Ending::Fixed { what }),
                Some(back) => {
                    // What was proved together does not stay in part.
                    self.take_back_everything(&back);
                    Cause::Failure(
                        Failure::new(&PROOF, format!("{back}; the script says `fixed` ({what}), which does not last"))
                            .hint(HINT),
                    )
                }
            },
            cause => cause,
        }
    }

    fn ended(&self, cause: Cause) -> Ended {
        let ledger = self.ledger.lock();
        let (kept, taken_back, left_behind) =
            (ledger.numbers(&State::Settled), ledger.numbers(&State::TakenBack), ledger.left_behind());
        let by_hand = ledger.by_hand.join("; ");
        drop(ledger);
        let mut ended = match cause {
            Cause::Ending(ending) => {
                Ended { next: ending.next().map(Into::into), ..ended(ending.exit(), ending.word(), ending.message()) }
            }
            Cause::Left => ended(Exit::Healthy, "left", "the prompt was left".into()),
            Cause::Planned(message) => ended(Exit::Healthy, "planned", message),
            Cause::Failure(failure) => {
                let word = match failure.code.exit {
                    _ if failure.is(&DEADLINE) => "deadline",
                    _ if failure.is(&INTERRUPTED) => "interrupted",
                    _ => "failed",
                };
                let exit = if taken_back.is_empty() { failure.code.exit } else { Exit::TakenBack };
                Ended {
                    code: Some(failure.code.name.into()),
                    unchanged: failure.unchanged,
                    hint: failure.hint,
                    ..ended(exit, word, failure.message)
                }
            }
        };
        if !left_behind.is_empty() {
            ended.exit = Exit::Dirty;
        }
        // At a prompt a person looks for themselves.
        if !by_hand.is_empty() && ended.ending != "left" {
            ended.exit = Exit::Dirty;
            ended.hint = Some(format!(
                "a person has done this, and it is not proved: {by_hand}. Set it back by hand, or find out why it does not help"
            ));
        }
        Ended { kept, taken_back, left_behind, took: between(self.started, self.caller.now()), ..ended }
    }
}

fn ended(exit: Exit, word: &str, message: String) -> Ended {
    Ended {
        exit,
        ending: word.into(),
        message,
        next: None,
        kept: Vec::new(),
        taken_back: Vec::new(),
        left_behind: Vec::new(),
        took: std::time::Duration::ZERO,
        code: None,
        unchanged: None,
        hint: None,
    }
}
