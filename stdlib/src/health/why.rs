//! `Health.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::health::Health;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Health"),
    returns: "string",
    summary: "Why nothing is known; empty if something is.",
    search: &["reason"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"workload("store").health(over("2m")).why()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Health>()?.missing().map(ToString::to_string).unwrap_or_default()))
}
