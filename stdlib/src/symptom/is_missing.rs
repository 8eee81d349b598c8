//! `Symptom.is_missing()`: whether nothing can be told.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::symptom::Symptom;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Symptom"),
    returns: "bool",
    summary: "Whether it cannot be told what callers see.",
    search: &["no data"],
    examples: &[Example {
        world: "healthy",
        script: r#"host("graph-core").symptom().is_missing()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Symptom>()?.missing().is_some()))
}
