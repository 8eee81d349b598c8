//! `Candidate.why()`: why it applies or does not.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::candidate::Candidate;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Candidate"),
    returns: "string",
    summary: "Why the object applies, or does not.",
    search: &["reason", "precedence"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").candidates().first().why()"#, expect: Expect::Contains("for gateway mesh") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Candidate>()?.why().to_owned()))
}
