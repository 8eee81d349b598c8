//! `Errors.is_missing()`: whether there are no data.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::errors::Errors;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Errors"),
    returns: "bool",
    summary: "Whether there are no data.",
    doc: "Missing is neither zero nor a pass: comparing it is an error.",
    search: &["no data", "not exported"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").errors(over("1m")).is_missing()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Errors>()?;
    Ok(Dynamic::from(noun.missing().is_some()))
}
