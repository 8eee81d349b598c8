//! `TlsPair.destination_rule()`: the rule that sets what the caller sends.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::NO_RULE;
use crate::descriptor;
use crate::tls::TlsPair;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "destination_rule",
    receiver: Some("TlsPair"),
    returns: "Rule",
    summary: "The DestinationRule that sets what the caller sends.",
    errors: &[&NO_RULE],
    search: &["trafficPolicy.tls", "tls mode"],
    examples: &[
        Example { world: "mtls-disabled-by-rule", script: r#"host("graph-core").tls_by_caller().first().destination_rule()"#, expect: Expect::Value("DestinationRule summit/graph-core") },
        Example { world: "healthy", script: r#"host("graph-core").tls_by_caller().first().destination_rule()"#, expect: Expect::Fails("meshbook::tls::no_rule") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let pair = call.receiver::<TlsPair>()?;
    let rule = pair.known().rule.as_ref().map(|(rule, _)| rule.clone());
    rule.map(Dynamic::from).ok_or_else(|| {
        Failure::new(&NO_RULE, format!("no DestinationRule sets the TLS mode of {}", pair.known().caller.name))
            .hint("ask `is_curable()` first")
    })
}
