//! `Precheck.why()`: why the checks could not be made.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::precheck::Precheck;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Precheck"),
    returns: "string",
    summary: "Why the checks could not be made; empty if they were.",
    search: &["no data"],
    examples: &[Example { world: "install-empty", script: r#"precheck("1.31.0").why()"#, expect: Expect::Value("") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let precheck = call.receiver::<Precheck>()?;
    Ok(Dynamic::from(precheck.missing().map(ToString::to_string).unwrap_or_default()))
}
