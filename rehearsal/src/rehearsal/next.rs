//! `Rehearsal.next()`: the runbook that it names.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_stdlib::descriptor;
use rhai::Dynamic;

use crate::rehearsal::Rehearsal;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "next",
    receiver: Some("Rehearsal"),
    returns: "string",
    summary: "The runbook that the ending names; an empty string if it names none.",
    search: &["next runbook"],
    examples: &[Example {
        world: "overload",
        script: r#"world("overload").run("troubleshooting/503-circuit-breaker.rhai", #{ service: "graph-core" }).next()"#,
        expect: Expect::Value("troubleshooting/latency.rhai"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let rehearsal = call.receiver::<Rehearsal>()?;
    Ok(rehearsal.ended().next.clone().unwrap_or_default().into())
}
