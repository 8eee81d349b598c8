//! `Precheck.is_missing()`: whether the checks could not be made.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::precheck::Precheck;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Precheck"),
    returns: "bool",
    summary: "Whether the checks could not be made.",
    search: &["no data"],
    examples: &[Example {
        world: "install-empty",
        script: r#"precheck("1.31.0").is_missing()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Precheck>()?.missing().is_some()))
}
