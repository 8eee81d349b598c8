//! `Indicator.what()`: what it measures.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::indicator::Indicator;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "what",
    receiver: Some("Indicator"),
    returns: "string",
    summary: "What it measures.",
    search: &["name"],
    examples: &[
        Example { world: "healthy", script: r#"indicator("two", "", "vector(2)").what()"#, expect: Expect::Value("two") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Indicator>()?;
    Ok(noun.what().into())
}
