//! `AlertingRule.name()`: its name.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alerting_rule::AlertingRule;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "name",
    receiver: Some("AlertingRule"),
    returns: "string",
    summary: "Its name.",
    search: &["alertname"],
    examples: &[
        Example { world: "healthy", script: r#"prom::rules().first().name()"#, expect: Expect::Value("IstioHighErrorRate") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<AlertingRule>()?;
    Ok(noun.name().into())
}
