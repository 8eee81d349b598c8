//! `AlertRules.why()`: why Prometheus does not tell; empty if it does.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alert_rules::AlertRules;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("AlertRules"),
    returns: "string",
    summary: "Why Prometheus does not tell; empty if it does.",
    search: &["reason"],
    examples: &[
        Example { world: "healthy", script: r#"alert_rules("istio-alerts.rules.yaml").why()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<AlertRules>()?;
    Ok(noun.missing().map(ToString::to_string).unwrap_or_default().into())
}
