//! `AlertRules.how_to_load()`: how to bring the rules into this Prometheus, as a sentence.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alert_rules::AlertRules;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "how_to_load",
    receiver: Some("AlertRules"),
    returns: "string",
    summary: "How to bring the rules into this Prometheus, as a sentence.",
    doc: "By a PrometheusRule object where the API server serves the operator's kind, else by a rule file.",
    errors: &[&NO_DATA],
    search: &["operator", "rule_files"],
    examples: &[
        Example { world: "healthy", script: r#"alert_rules("istio-alerts.rules.yaml").how_to_load()"#, expect: Expect::Contains("rule_files") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<AlertRules>()?;
    Ok(noun.how_to_load()?.into())
}
