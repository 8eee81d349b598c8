//! `Answers.have_sidecar()`: whether a sidecar took the requests.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::request::Answers;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "have_sidecar",
    receiver: Some("Answers"),
    returns: "bool",
    summary: "Whether the requests went through a sidecar, as those of a workload that has one do.",
    search: &["injection", "mesh"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"workload("front").request(host("graph-core")).have_sidecar()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"workload("legacy").request(host("graph-core")).have_sidecar()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Answers>()?.have_sidecar()))
}
