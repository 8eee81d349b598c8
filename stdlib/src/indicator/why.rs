//! `Indicator.why()`: why there are no data, with what it measures; empty if there are.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::indicator::Indicator;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Indicator"),
    returns: "string",
    summary: "Why there are no data, with what it measures; empty if there are.",
    search: &["reason", "no data"],
    examples: &[
        Example { world: "healthy", script: r#"indicator("x", "", "no_such_metric").why()"#, expect: Expect::Value("x: not exported: no_such_metric has no series") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Indicator>()?;
    Ok({
        let told = noun.missing().map(|missing| format!("{}: {missing}", noun.what()));
        told.unwrap_or_default().into()
    })
}
