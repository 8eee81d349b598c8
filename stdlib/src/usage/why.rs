//! `Usage.why()`: why there are no data; empty if there are.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::usage::Usage;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Usage"),
    returns: "string",
    summary: "Why there are no data; empty if there are.",
    search: &["reason", "no data"],
    examples: &[Example {
        world: "healthy",
        script: r#"workload("graph-core").usage().why()"#,
        expect: Expect::Contains("the cluster has no metrics API"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Usage>()?;
    Ok(Dynamic::from(noun.missing().map(ToString::to_string).unwrap_or_default()))
}
