//! `AlertRules.not_loaded()`: the rules that are not loaded, as a sentence names them; empty if all are.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alert_rules::AlertRules;
use crate::descriptor;
use crate::text::and;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "not_loaded",
    receiver: Some("AlertRules"),
    returns: "string",
    summary: "The rules that are not loaded, as a sentence names them; empty if all are.",
    errors: &[&NO_DATA],
    search: &["absent"],
    examples: &[
        Example { world: "breaker", script: r#"alert_rules("istio-alerts.rules.yaml").not_loaded()"#, expect: Expect::Value("IstioHighErrorRate, IstioHighLatency, IstioControlPlaneDown and IstioCertificateExpiringSoon") },
        Example { world: "healthy", script: r#"alert_rules("istio-alerts.rules.yaml").not_loaded()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<AlertRules>()?;
    Ok({
        let names = noun.not_loaded()?;
        if names.is_empty() { "".into() } else { and(&names).into() }
    })
}
