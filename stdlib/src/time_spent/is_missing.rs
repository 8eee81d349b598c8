//! `TimeSpent.is_missing()`: whether it cannot be told.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::time_spent::TimeSpent;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("TimeSpent"),
    returns: "bool",
    summary: "Whether it cannot be told where the time goes.",
    doc: "Missing is neither zero nor a pass: asking for its parts is an error.",
    search: &["no data", "not exported"],
    examples: &[Example { world: "healthy", script: r#"host("graph-core").time_spent(over("5m")).is_missing()"#, expect: Expect::Value("false") },],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TimeSpent>()?.missing().is_some()))
}
