//! `Alert.runbook()`: the runbook that its annotation `runbook` names; empty if it names none.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alert::Alert;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "runbook",
    receiver: Some("Alert"),
    returns: "string",
    summary: "The runbook that its annotation `runbook` names; empty if it names none.",
    search: &["next", "annotation"],
    examples: &[
        Example { world: "alerts", script: r#"prom::alerts().filter(|alert| alert.is_firing()).first().runbook()"#, expect: Expect::Value("troubleshooting/triage.rhai") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Alert>()?;
    Ok(noun.runbook().unwrap_or_default().into())
}
