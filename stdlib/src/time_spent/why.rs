//! `TimeSpent.why()`: why it cannot be told.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::time_spent::TimeSpent;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("TimeSpent"),
    returns: "string",
    summary: "Why it cannot be told where the time goes; empty if it can.",
    search: &["reason", "no data"],
    examples: &[Example { world: "healthy", script: r#"host("graph-core").time_spent(over("5m")).why()"#, expect: Expect::Value("") },
Example { world: "healthy", script: r#"host("search.discovery").time_spent(over("5m")).why()"#, expect: Expect::Contains("no request") },],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TimeSpent>()?.missing().map(ToString::to_string).unwrap_or_default()))
}
