//! `Dashboards.exists(name)`: whether one is there.

use meshbook_runtime::failure::{Failure, NO_DATA, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::dashboards::{Dashboards, known};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "exists",
    receiver: Some("Dashboards"),
    params: &[known::NAME],
    returns: "bool",
    summary: "Whether the dashboard of this name is there, well or not.",
    errors: &[&NO_DATA, &TYPE],
    search: &["Service"],
    examples: &[
        Example {
            world: "installation-collector-unwell",
            script: r#"observability().exists("OpenTelemetry collector")"#,
            expect: Expect::Value("true"),
        },
        Example { world: "healthy", script: r#"dashboards().exists("kiali")"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let dashboards = call.receiver::<Dashboards>()?;
    Ok(Dynamic::from(dashboards.find(&call.string(0)?)?.is_there()))
}
