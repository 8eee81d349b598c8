//! `CarriedChanges.are_everywhere()`: whether every proxy has changed, and all the same.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::carried::changes::CarriedChanges;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "are_everywhere",
    receiver: Some("CarriedChanges"),
    returns: "bool",
    summary: "Whether every proxy carries something else than before, and all of them in the same fields to the same values.",
    search: &["propagated", "synced", "proof"],
    examples: &[Example {
        world: "healthy",
        script: r#"let host = host("graph-core"); let before = host.carried(host.callers()); host.carried(host.callers()).since(before).are_everywhere()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<CarriedChanges>()?.are_everywhere()))
}
