//! `TimeSpent.largest()`: what takes most of the time.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::time_spent::TimeSpent;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "largest",
    receiver: Some("TimeSpent"),
    returns: "string",
    summary: "What takes most of the time: `own work`, `waiting`, `retries` or `dependency`.",
    doc: "Each dependency counts for itself. Waiting for a free place inside the service is its own work: `Host.room()` tells whether it is saturated.",
    errors: &[&NO_DATA],
    search: &["bottleneck", "where"],
    examples: &[Example { world: "latency-slow-dependency", script: r#"host("graph-core").time_spent(over("5m")).largest()"#, expect: Expect::Value("dependency") },
Example { world: "latency-retry-storm", script: r#"host("graph-core").time_spent(over("5m")).largest()"#, expect: Expect::Value("retries") },
Example { world: "latency-exhausted-pool", script: r#"host("graph-core").time_spent(over("5m")).largest()"#, expect: Expect::Value("waiting") },
Example { world: "latency-too-few-replicas", script: r#"host("graph-core").time_spent(over("5m")).largest()"#, expect: Expect::Value("own work") },
Example { world: "healthy", script: r#"host("search.discovery").time_spent(over("5m")).largest()"#, expect: Expect::Fails("meshbook::data::missing") },],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<TimeSpent>()?.largest()?.word()))
}
