//! `Usage.is_missing()`: whether there are no data.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::usage::Usage;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Usage"),
    returns: "bool",
    summary: "Whether there are no data.",
    doc: "Missing is neither zero nor a pass: comparing it is an error.",
    search: &["no data", "metrics-server"],
    examples: &[Example {
        world: "healthy",
        script: r#"workload("graph-core").usage().is_missing()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Usage>()?;
    Ok(Dynamic::from(noun.missing().is_some()))
}
