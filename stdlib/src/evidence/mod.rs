//! How evidence is taken: from which source, over which span, on which side.

pub mod gateways;
pub mod logs;
pub mod moment;
pub mod root;
pub mod rules;
pub mod sampler;
pub mod survey;
pub mod window;

use meshbook_runtime::failure::{BUDGET, Failure};

/// A source that does not answer is a reason why data are missing; a stop of the run, or a spent budget, stays a failure.
///
/// # Errors
/// The failure itself, where a script may not handle it.
pub fn absorb(failure: Failure) -> Result<String, Failure> {
    if failure.code.catchable && !std::ptr::eq(failure.code, &BUDGET) { Ok(failure.message) } else { Err(failure) }
}
