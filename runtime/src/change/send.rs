//! The road of a change.

use super::{Change, Changed};
use crate::failure::{Failure, RECORD};
use crate::run::Run;

pub(crate) fn send(run: &Run, change: Change) -> Result<Changed, Failure> {
    Err(run.journal.broken().unwrap_or_else(|| Failure::new(&RECORD, format!("{} was not changed", change.object))))
}
