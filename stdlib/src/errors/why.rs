//! `Errors.why()`: why there are no data.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::errors::Errors;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Errors"),
    returns: "string",
    summary: "Why there are no data; empty if there are.",
    search: &["reason", "no data"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").errors(over("1m")).why()"#,
        expect: Expect::Value(""),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Errors>()?;
    Ok(Dynamic::from(noun.missing().map(|missing| missing.to_string()).unwrap_or_default()))
}
