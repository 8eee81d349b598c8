//! `Dashboards.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::dashboards::Dashboards;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Dashboards"),
    returns: "string",
    summary: "Why the Services could not be read; empty if it could.",
    search: &["no data", "reason"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"dashboards().why()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Dashboards>()?.missing().map(ToString::to_string).unwrap_or_default()))
}
