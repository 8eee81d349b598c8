//! `Indicator.is_missing()`: whether there are no data.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::indicator::Indicator;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Indicator"),
    returns: "bool",
    summary: "Whether there are no data.",
    search: &["no data"],
    examples: &[
        Example { world: "healthy", script: r#"indicator("two", "", "vector(2)").is_missing()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Indicator>()?;
    Ok(noun.missing().is_some().into())
}
