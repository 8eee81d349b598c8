//! `Rehearsal.ending()`: its last word.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_stdlib::descriptor;
use rhai::Dynamic;

use crate::rehearsal::Rehearsal;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "ending",
    receiver: Some("Rehearsal"),
    returns: "string",
    summary: "How the run ended: `fixed`, `found`, `not_this`, `cannot_tell`, `planned`; `failed` if no word of the script ended it.",
    search: &["fixed", "found"],
    examples: &[Example {
        world: "overload",
        script: r#"world("overload").run("troubleshooting/503-circuit-breaker.rhai", #{ service: "graph-core" }).ending()"#,
        expect: Expect::Value("found"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let rehearsal = call.receiver::<Rehearsal>()?;
    Ok(rehearsal.ended().ending.clone().into())
}
