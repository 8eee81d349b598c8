//! `Rehearsal.message()`: what its ending says.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_stdlib::descriptor;
use rhai::Dynamic;

use crate::rehearsal::Rehearsal;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "message",
    receiver: Some("Rehearsal"),
    returns: "string",
    summary: "What the ending says, or the failure that ended the run.",
    search: &["text", "reason"],
    examples: &[Example {
        world: "overload",
        script: r#"world("overload").run("troubleshooting/503-circuit-breaker.rhai", #{ service: "graph-core" }).message()"#,
        expect: Expect::Contains("saturated"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let rehearsal = call.receiver::<Rehearsal>()?;
    Ok(rehearsal.ended().message.clone().into())
}
