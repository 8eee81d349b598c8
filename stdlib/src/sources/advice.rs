//! `Sources.advice()`: what to switch on.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::sources::Sources;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "advice",
    receiver: Some("Sources"),
    returns: "string",
    summary: "What to switch on, in a sentence; empty if every caller can be seen.",
    search: &["next"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("graph-core").sources().advice()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Sources>()?.advice()))
}
