//! `Rule.remove_tls()`: removes what switches mutual TLS off.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::RULE_SHARED;
use crate::descriptor;
use crate::kubernetes::read;
use crate::rule::{Rule, tls};
use crate::text::and;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "remove_tls",
    receiver: Some("Rule"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Removes the TLS modes DISABLE and SIMPLE at the places in the rule that govern; answers whether there was one.",
    doc: "Only the field `tls`, of the rule itself, of a subset, or of a port; the rest of the rule stays. Sidecars then send mutual TLS by themselves to every pod that takes it, and plain text to the others. ISTIO_MUTUAL and MUTUAL are left alone, and so is a rule whose host is a wildcard.",
    errors: &[&RULE_SHARED, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_RULE,
    search: &["trafficPolicy.tls", "ISTIO_MUTUAL", "mTLS", "DISABLE", "SIMPLE"],
    examples: &[
        Example {
            world: "mtls-disabled-by-rule",
            script: r#"host("graph-core").tls_by_caller().first().destination_rule().remove_tls()"#,
            expect: Expect::Changes(&["DestinationRule summit/graph-core: spec.trafficPolicy.tls.mode"]),
        },
        Example {
            world: "mtls-missing-sidecar",
            script: r#"host("graph-core").tls_by_caller().first().destination_rule().remove_tls()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let rule = call.receiver::<Rule>()?;
    if !rule.is_for_one_host() {
        return Err(Failure::new(&RULE_SHARED, format!("{} holds for more hosts than {}", rule.text(), rule.host().text()))
            .unchanged(format!("{} was not changed", rule.text()))
            .hint("write a DestinationRule for the one host, without `tls`"));
    }
    let before = read::get(call.run(), rule.object())?;
    let mut after = before.clone();
    let removed = after.get_mut("spec").map(|spec| tls::remove(spec, &rule.levels())).unwrap_or_default();
    if removed.is_empty() {
        return Ok(Dynamic::from(false));
    }
    let fields: Vec<_> =
        removed.iter().map(|(path, mode)| format!("{} ({mode})", path.trim_start_matches("spec."))).collect();
    let summary = format!("remove {}", and(&fields));
    let change = Change::new(rule.object().clone(), summary, before, after);
    Ok(Dynamic::from(call.run().change(change)?.is_made()))
}
