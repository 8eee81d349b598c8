//! `Injection.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::injection::Injection;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Injection"),
    returns: "string",
    summary: "Why nothing is known; empty if something is.",
    search: &["reason"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"namespace().injection().why()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Injection>()?.missing().map(ToString::to_string).unwrap_or_default()))
}
