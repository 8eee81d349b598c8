//! `Overview.runbook()`: what deals with it.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::overview::Overview;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "runbook",
    receiver: Some("Overview"),
    returns: "string",
    summary: "The runbook that deals with the gravest thing; empty if nothing is wrong.",
    errors: &[&NO_DATA],
    search: &["next"],
    examples: &[
        Example {
            world: "mtls-expired-certificate",
            script: r#"proxies("graph-core").overview().runbook()"#,
            expect: Expect::Value("troubleshooting/mtls.rhai"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Overview>()?.problems()?.first().map(|one| one.runbook).unwrap_or_default()))
}
