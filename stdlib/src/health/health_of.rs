//! `Workload.health(over)`: how it does.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::health::gather;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "health",
    receiver: Some("Workload"),
    params: &[param("over", Type::Duration, "the span that ends now; two scrapes at least")],
    returns: "Health",
    class: Some(Class::Read),
    summary: "How the workload does: the requests that it answers and sends, how long its answers take, and whether its pods are ready.",
    doc: "Requests to each Service that selects its pods, as their callers saw them, with the 95th percentile of their latency; requests that it sends, by Prometheus. A workload that answers nobody and sends nothing has no requests: only its pods are compared then.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::HEALTH,
    search: &["error rate", "latency", "soak"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"workload("store").health(over("2m"))"#, expect: Expect::Contains("requests to store.summit failed") },
        Example { world: "healthy", script: r#"workload("legacy").health(over("2m"))"#, expect: Expect::Contains("1 of 1 pods ready") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let health = gather::gather(call.run(), &call.receiver::<Workload>()?, call.span(0)?)?;
    saw(call, health.text());
    Ok(Dynamic::from(health))
}
