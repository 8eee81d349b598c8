//! `Rehearsal.changes()`: the fields that it changed.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_stdlib::descriptor;
use rhai::Dynamic;

use crate::rehearsal::Rehearsal;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "changes",
    receiver: Some("Rehearsal"),
    returns: "array",
    summary: "Every field that the run changed, or a plan would: `DestinationRule summit/graph-core: spec.host`. What was taken back later counts.",
    search: &["effects", "fields"],
    examples: &[Example {
        world: "healthy",
        script: r#"world("healthy").run("troubleshooting/503-circuit-breaker.rhai", #{ service: "graph-core" }).changes()"#,
        expect: Expect::Value("[]"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let rehearsal = call.receiver::<Rehearsal>()?;
    Ok(Dynamic::from(rehearsal.changes().into_iter().map(Dynamic::from).collect::<rhai::Array>()))
}
