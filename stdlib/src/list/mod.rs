//! Methods of lists. Rhai's own arrays take what is not a bool for false; here that is an error.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::a_type;
use meshbook_runtime::primitive::Invocation;
use rhai::Dynamic;

/// What the condition that is the first argument says of an item.
///
/// # Errors
/// `TYPE` if it says neither true nor false; what the condition itself fails with.
pub fn strict(call: &Invocation<'_>, item: &Dynamic) -> Result<bool, Failure> {
    let answer = call.call(0, (item.clone(),))?;
    answer.as_bool().map_err(|_| {
        Failure::new(&TYPE, format!("the condition must answer with true or false, not with {}", a_type(&answer)))
    })
}
