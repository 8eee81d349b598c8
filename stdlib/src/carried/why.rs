//! `Carried.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::carried::Carried;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Carried"),
    returns: "string",
    summary: "Why nothing is known; empty if it is.",
    search: &["reason"],
    examples: &[Example { world: "healthy", script: r#"let host = host("graph-core"); host.carried(host.callers()).why()"#, expect: Expect::Value("") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let why = call.receiver::<Carried>()?.missing().map(ToString::to_string).unwrap_or_default();
    Ok(Dynamic::from(why))
}
