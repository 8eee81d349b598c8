//! `Indicator.runbook()`: which runbook to run when it is beyond its bound; empty if none was named.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::indicator::Indicator;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "runbook",
    receiver: Some("Indicator"),
    returns: "string",
    summary: "Which runbook to run when it is beyond its bound; empty if none was named.",
    search: &["next"],
    examples: &[
        Example { world: "healthy", script: r#"indicator("two", "", "vector(2)").runbook()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Indicator>()?;
    Ok(noun.runbook().into())
}
