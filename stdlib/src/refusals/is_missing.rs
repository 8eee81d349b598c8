//! `Refusals.is_missing()`: whether there are no data.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::refusals::Refusals;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Refusals"),
    returns: "bool",
    summary: "Whether there are no data.",
    doc: "Missing is neither zero nor a pass: comparing it is an error.",
    search: &["no data", "not exported"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").refusals(over("30s")).is_missing()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Refusals>()?;
    Ok(Dynamic::from(noun.missing().is_some()))
}
