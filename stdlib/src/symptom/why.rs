//! `Symptom.why()`: why nothing can be told.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::symptom::Symptom;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Symptom"),
    returns: "string",
    summary: "Why it cannot be told what callers see; empty if it can.",
    search: &["no data", "reason"],
    examples: &[Example {
        world: "healthy",
        script: r#"host("graph-core").symptom().why()"#,
        expect: Expect::Value(""),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let why = call.receiver::<Symptom>()?.missing().map(ToString::to_string).unwrap_or_default();
    Ok(Dynamic::from(why))
}
