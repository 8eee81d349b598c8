//! `Spans.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::spans::Spans;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Spans"),
    returns: "string",
    summary: "Why no Jaeger answers; empty if one does.",
    search: &["reason"],
    examples: &[Example { world: "traces", script: r#"namespace().spans().why()"#, expect: Expect::Value("") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Spans>()?.missing().map(ToString::to_string).unwrap_or_default()))
}
