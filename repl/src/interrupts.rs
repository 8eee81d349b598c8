//! Between signals and inputs: an interrupt ends the input that is under way, and no more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Where signals arrive.
#[derive(Debug, Default)]
pub struct Interrupts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// What is under way, outermost first: an input, or a runbook. `None` is a prompt that waits in the middle of one.
    open: Vec<Option<CancellationToken>>,
    leaving: bool,
}

impl State {
    fn under_way(&self) -> Option<&CancellationToken> {
        self.open.last().and_then(Option::as_ref)
    }
}

impl Interrupts {
    /// An input begins, or a runbook: this token is cancelled if it is interrupted.
    pub fn begin(&self) -> CancellationToken {
        let token = CancellationToken::new();
        let mut state = self.state();
        if state.leaving {
            token.cancel();
        }
        state.open.push(Some(token.clone()));
        token
    }

    /// What is under way waits for a person.
    pub(crate) fn pause(&self) {
        self.state().open.push(None);
    }

    /// The input is over, or the wait.
    pub fn end(&self) {
        self.state().open.pop();
    }

    /// Interrupts what is under way. Answers whether there is something.
    pub fn interrupt(&self) -> bool {
        let state = self.state();
        state.under_way().inspect(|token| token.cancel()).is_some()
    }

    /// Interrupts everything, and lets nothing begin. Answers whether something is under way.
    pub fn leave(&self) -> bool {
        let mut state = self.state();
        state.leaving = true;
        state.open.iter().flatten().for_each(CancellationToken::cancel);
        state.under_way().is_some()
    }

    /// Whether what is under way was interrupted.
    pub fn is_interrupted(&self) -> bool {
        let state = self.state();
        state.leaving || state.under_way().is_some_and(CancellationToken::is_cancelled)
    }

    /// Whether the session has to end.
    pub(crate) fn is_leaving(&self) -> bool {
        self.state().leaving
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_interrupt_ends_one_input_and_a_farewell_all_that_follow() {
        let interrupts = Interrupts::default();
        assert!(!interrupts.interrupt(), "nothing is under way");
        let first = interrupts.begin();
        assert!(!first.is_cancelled() && interrupts.interrupt() && first.is_cancelled());
        interrupts.end();
        let second = interrupts.begin();
        assert!(!second.is_cancelled() && !interrupts.is_interrupted());
        assert!(interrupts.leave() && second.is_cancelled() && interrupts.is_leaving());
        assert!(interrupts.begin().is_cancelled());
    }

    #[test]
    fn a_runbook_that_waits_is_not_interrupted_with_the_inputs_that_it_waits_for() {
        let interrupts = Interrupts::default();
        let runbook = interrupts.begin();
        interrupts.pause();
        assert!(!interrupts.interrupt(), "it waits");
        let input = interrupts.begin();
        assert!(interrupts.interrupt() && input.is_cancelled() && !runbook.is_cancelled());
        interrupts.end();
        assert!(!interrupts.leave() && runbook.is_cancelled(), "nobody comes back to it");
    }
}
