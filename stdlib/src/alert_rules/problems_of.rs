//! `AlertRules.problems()`: what is wrong with them, as sentences; empty if every rule is loaded as reviewed, evaluated, and has data.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alert_rules::AlertRules;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "problems",
    receiver: Some("AlertRules"),
    returns: "string",
    summary: "What is wrong with them, as sentences; empty if every rule is loaded as reviewed, evaluated, and has data.",
    errors: &[&NO_DATA],
    search: &["differences"],
    examples: &[
        Example { world: "healthy", script: r#"alert_rules("istio-alerts.rules.yaml").problems()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<AlertRules>()?;
    Ok(noun.problems()?.join("; ").into())
}
