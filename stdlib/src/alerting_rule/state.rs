//! `AlertingRule.state()`: how far its alerts are: `inactive`, `pending` or `firing`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alerting_rule::AlertingRule;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "state",
    receiver: Some("AlertingRule"),
    returns: "string",
    summary: "How far its alerts are: `inactive`, `pending` or `firing`.",
    doc: "The furthest of them.",
    search: &["firing", "pending"],
    examples: &[
        Example { world: "healthy", script: r#"prom::rules().first().state()"#, expect: Expect::Value("inactive") },
        Example { world: "alerts", script: r#"prom::rules().first().state()"#, expect: Expect::Value("firing") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<AlertingRule>()?;
    Ok(noun.state().name().into())
}
