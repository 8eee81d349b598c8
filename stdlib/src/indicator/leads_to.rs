//! `Indicator.leads_to(runbook)`: where to go when it is beyond its bound.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::indicator::Indicator;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "leads_to",
    receiver: Some("Indicator"),
    params: &[param("runbook", Type::String, "a path from the root of the runbook tree")],
    returns: "Indicator",
    summary: "The same, and which runbook to run when it is beyond its bound.",
    search: &["runbook", "next"],
    examples: &[
        Example { world: "healthy", script: r#"indicator("two", "", "vector(2)").leads_to("troubleshooting/latency.rhai").runbook()"#, expect: Expect::Value("troubleshooting/latency.rhai") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Indicator>()?.with_runbook(&call.string(0)?)))
}
