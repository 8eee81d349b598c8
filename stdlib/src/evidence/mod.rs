//! How evidence is taken: from which source, over which span, on which side.

pub mod configured;
pub mod gateways;
pub mod logs;
pub mod moment;
pub mod representatives;
pub mod root;
pub mod rules;
pub mod sampler;
pub mod survey;
pub mod window;

use std::thread;

use meshbook_runtime::failure::{BUDGET, Failure, INTERNAL};

/// A source that does not answer is a reason why data are missing; a stop of the run, or a spent budget, stays a failure.
///
/// # Errors
/// The failure itself, where a script may not handle it.
pub fn absorb(failure: Failure) -> Result<String, Failure> {
    if failure.code.catchable && !std::ptr::eq(failure.code, &BUDGET) { Ok(failure.message) } else { Err(failure) }
}

/// Two looks at once, for neither needs what the other sees.
///
/// # Errors
/// The failure of either; `INTERNAL` if one of them panics.
pub fn at_once<A: Send, B>(
    one: impl FnOnce() -> Result<A, Failure> + Send,
    other: impl FnOnce() -> Result<B, Failure>,
) -> Result<(A, B), Failure> {
    thread::scope(|scope| {
        let one = scope.spawn(one);
        let other = other();
        // Joined before any failure leaves, because a scope passes on the panic of a thread that nobody has joined.
        Ok((ended(one)?, other?))
    })
}

/// What a look on a thread of its own came to.
///
/// # Errors
/// Its failure; `INTERNAL` if it panicked.
pub fn ended<T>(look: thread::ScopedJoinHandle<'_, Result<T, Failure>>) -> Result<T, Failure> {
    look.join().map_err(|_| Failure::new(&INTERNAL, "a look at the mesh ended by a panic"))?
}
