//! Between signals and inputs: an interrupt ends the input that is under way, and no more.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio_util::sync::CancellationToken;

/// Where signals arrive.
#[derive(Debug, Default)]
pub struct Interrupts(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// The input that is under way.
    input: Option<CancellationToken>,
    leaving: bool,
}

impl Interrupts {
    /// An input begins: this token is cancelled if it is interrupted.
    pub(crate) fn begin(&self) -> CancellationToken {
        let token = CancellationToken::new();
        let mut state = self.state();
        if state.leaving {
            token.cancel();
        }
        state.input = Some(token.clone());
        token
    }

    /// The input is over.
    pub(crate) fn end(&self) {
        self.state().input = None;
    }

    /// Interrupts the input that is under way. Answers whether there is one.
    pub fn interrupt(&self) -> bool {
        let state = self.state();
        if let Some(input) = &state.input {
            input.cancel();
        }
        state.input.is_some()
    }

    /// Interrupts the input that is under way, and lets no other begin. Answers whether there is one.
    pub fn leave(&self) -> bool {
        self.state().leaving = true;
        self.interrupt()
    }

    /// Whether the input that is under way was interrupted.
    pub fn is_interrupted(&self) -> bool {
        let state = self.state();
        state.leaving || state.input.as_ref().is_some_and(CancellationToken::is_cancelled)
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
}
