//! `Rehearsal.story()`: what it said on the way.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_stdlib::descriptor;
use rhai::Dynamic;

use crate::rehearsal::Rehearsal;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "story",
    receiver: Some("Rehearsal"),
    returns: "string",
    summary: "What the run showed, warned of, checked and waited for, line by line, and how it ended.",
    search: &["output", "report"],
    examples: &[Example {
        world: "breaker",
        script: r#"world("breaker").run("troubleshooting/503-circuit-breaker.rhai", #{ service: "graph-core" }).story()"#,
        expect: Expect::Contains("refused in 30s"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let rehearsal = call.receiver::<Rehearsal>()?;
    Ok(rehearsal.story().into())
}
