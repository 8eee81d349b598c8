//! `Messages.is_empty()`: whether there is neither error nor warning.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::analysis::Messages;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_empty",
    receiver: Some("Messages"),
    returns: "bool",
    summary: "Whether there is neither an error nor a warning; informations do not count.",
    errors: &[&NO_DATA],
    search: &["clean", "healthy"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"analyze().is_empty()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "mtls-disabled-by-rule",
            script: r#"analyze().is_empty()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Messages>()?.problems()?.is_empty()))
}
