//! `Candidate.applies()`: whether it applies.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::candidate::Candidate;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "applies",
    receiver: Some("Candidate"),
    returns: "bool",
    summary: "Whether the object applies.",
    search: &["wins"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").candidates().first().applies()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Candidate>()?.applies()))
}
