//! `Rehearsal.exit_code()`: what the process would have ended with.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_stdlib::descriptor;
use rhai::Dynamic;

use crate::rehearsal::Rehearsal;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "exit_code",
    receiver: Some("Rehearsal"),
    returns: "int",
    summary: "The exit code that the run would have had.",
    search: &["exit code"],
    examples: &[Example {
        world: "healthy",
        script: r#"world("healthy").run("troubleshooting/503-circuit-breaker.rhai", #{ service: "graph-core" }).exit_code()"#,
        expect: Expect::Value("0"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let rehearsal = call.receiver::<Rehearsal>()?;
    Ok(Dynamic::from(i64::from(rehearsal.ended().exit.code())))
}
