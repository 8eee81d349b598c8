//! `Dashboards.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::dashboards::Dashboards;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Dashboards"),
    returns: "bool",
    summary: "Whether the Services could not be read.",
    search: &["no data"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"dashboards().is_missing()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Dashboards>()?.missing().is_some()))
}
