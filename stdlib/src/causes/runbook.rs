//! `Causes.runbook()`: what to read next.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::causes::Causes;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "runbook",
    receiver: Some("Causes"),
    returns: "string",
    summary: "The runbook that deals with the first cause; `()` if nothing is wrong, or none does.",
    errors: &[&NO_DATA],
    search: &["next", "where to go"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"triage("graph-core").runbook()"#,
            expect: Expect::Value("troubleshooting/503-circuit-breaker.rhai"),
        },
        Example { world: "healthy", script: r#"triage("graph-core").runbook() == ()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let causes = call.receiver::<Causes>()?;
    let runbook = causes.found()?.first().map(|one| one.runbook).filter(|runbook| !runbook.is_empty());
    Ok(runbook.map_or(Dynamic::UNIT, Dynamic::from))
}
