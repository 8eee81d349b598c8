//! `Messages.cause()`: the gravest message, in words.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::analysis::Messages;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "cause",
    receiver: Some("Messages"),
    returns: "string",
    summary: "What the gravest error or warning is about, in fixed words; empty if there is none.",
    errors: &[&NO_DATA],
    search: &["finding"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"analyze().cause()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Messages>()?.problems()?.first().map(|one| one.code.cause).unwrap_or_default()))
}
