//! A mutex that outlives a panic.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// State that has to stay reachable when a primitive has panicked: what was changed must still be taken back.
#[derive(Debug, Default)]
pub(crate) struct Held<T>(Mutex<T>);

impl<T> Held<T> {
    pub(crate) fn new(value: T) -> Self {
        Held(Mutex::new(value))
    }

    /// Its content. Every holder leaves it consistent at each point where it could panic.
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
