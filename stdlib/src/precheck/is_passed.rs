//! `Precheck.is_passed()`: whether nothing stands against the installation.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::precheck::Precheck;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_passed",
    receiver: Some("Precheck"),
    returns: "bool",
    summary: "Whether no check found an error. Warnings are for the next version.",
    errors: &[&NO_DATA],
    search: &["ok", "safe to install"],
    examples: &[Example {
        world: "install-empty",
        script: r#"precheck("1.31.0").is_passed()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Precheck>()?.is_passed()?))
}
