//! `Messages.runbook()`: what to go on with.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::analysis::Messages;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "runbook",
    receiver: Some("Messages"),
    returns: "string",
    summary: "The runbook to go on with after the gravest error or warning; empty where the object has to be corrected, and nothing more.",
    errors: &[&NO_DATA],
    search: &["next"],
    examples: &[
        Example {
            world: "mtls-disabled-by-rule",
            script: r#"analyze().runbook()"#,
            expect: Expect::Value("troubleshooting/mtls.rhai"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Messages>()?.problems()?.first().map(|one| one.code.runbook).unwrap_or_default()))
}
