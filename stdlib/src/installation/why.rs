//! `Installation.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::installation::Installation;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Installation"),
    returns: "string",
    summary: "Why the installation could not be read; empty if it could.",
    search: &["no data", "reason"],
    examples: &[Example { world: "healthy", script: r#"installation().why()"#, expect: Expect::Value("") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let why = call.receiver::<Installation>()?.missing().map(ToString::to_string).unwrap_or_default();
    Ok(Dynamic::from(why))
}
