//! `Symptom.runbook()`: what to read next.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::symptom::Symptom;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "runbook",
    receiver: Some("Symptom"),
    returns: "string",
    summary: "The runbook to read next; `()` if nothing is wrong.",
    search: &["next", "where to go"],
    examples: &[
        Example {
            world: "no-healthy-upstream",
            script: r#"host("graph-core").symptom().runbook()"#,
            expect: Expect::Value("troubleshooting/triage.rhai"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").symptom().runbook() == ()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(call.receiver::<Symptom>()?.runbook().map_or(Dynamic::UNIT, Dynamic::from))
}
