//! `Refusals.why()`: why there are no data.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::refusals::Refusals;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Refusals"),
    returns: "string",
    summary: "Why there are no data; empty if there are.",
    search: &["reason", "no data"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").refusals(over("30s")).why()"#,
        expect: Expect::Value(""),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Refusals>()?;
    Ok(Dynamic::from(noun.missing().map(|missing| missing.to_string()).unwrap_or_default()))
}
