//! `AlertRules.is_missing()`: whether Prometheus does not tell.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alert_rules::AlertRules;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("AlertRules"),
    returns: "bool",
    summary: "Whether Prometheus does not tell.",
    search: &["no data"],
    examples: &[
        Example { world: "healthy", script: r#"alert_rules("istio-alerts.rules.yaml").is_missing()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<AlertRules>()?;
    Ok(noun.missing().is_some().into())
}
