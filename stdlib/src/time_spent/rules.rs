//! `TimeSpent.rules()`: the rules in whose pools requests can wait.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::time_spent::TimeSpent;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "rules",
    receiver: Some("TimeSpent"),
    returns: "List<Rule>",
    summary: "The DestinationRules that bound what the callers' proxies may have open to the host, so that requests can wait there.",
    errors: &[&NO_DATA],
    search: &["connection pool", "maxConnections"],
    examples: &[Example { world: "latency-exhausted-pool", script: r#"host("graph-core").time_spent(over("5m")).rules()"#, expect: Expect::Value("DestinationRule summit/graph-core") },
Example { world: "latency-too-few-replicas", script: r#"host("graph-core").time_spent(over("5m")).rules().is_empty()"#, expect: Expect::Value("true") },],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(List::new(call.receiver::<TimeSpent>()?.rules()?)))
}
