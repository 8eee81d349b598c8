//! `Dashboards.all_answer()`: whether none is silent.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::dashboards::Dashboards;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "all_answer",
    receiver: Some("Dashboards"),
    returns: "bool",
    summary: "Whether each dashboard that is there answers; those that are not there do not count.",
    errors: &[&NO_DATA],
    search: &["reachable", "healthy"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"dashboards().all_answer()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Dashboards>()?.silent()?.is_empty()))
}
