//! `TimeSpent.dependency()`: the slowest service that it asks.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::time_spent::TimeSpent;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "dependency",
    receiver: Some("TimeSpent"),
    returns: "string",
    summary: "The service that takes most of the time among those that it asks itself, as `name.namespace`; empty if it asks none.",
    errors: &[&NO_DATA],
    search: &["upstream", "callee"],
    examples: &[Example { world: "latency-slow-dependency", script: r#"host("graph-core").time_spent(over("5m")).dependency()"#, expect: Expect::Value("store.summit") },
Example { world: "healthy", script: r#"host("graph-core").time_spent(over("5m")).dependency()"#, expect: Expect::Value("") },],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TimeSpent>()?.dependency()?))
}
