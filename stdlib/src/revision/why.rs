//! `Revision.why()`: why there is none.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::revision::Revision;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Revision"),
    returns: "string",
    summary: "Why there is no such revision; empty if there is.",
    search: &["reason"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("1-32").why()"#, expect: Expect::Contains("there is 1-31 and default") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Revision>()?.why()))
}
