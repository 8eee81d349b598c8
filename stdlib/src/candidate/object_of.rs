//! `Candidate.object()`: which object it is.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::candidate::Candidate;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "object",
    receiver: Some("Candidate"),
    returns: "string",
    summary: "The object, `KIND NAMESPACE/NAME`.",
    search: &["name"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").effective("front").candidates().first().object()"#, expect: Expect::Value("VirtualService summit/graph-core") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Candidate>()?.object().to_owned()))
}
