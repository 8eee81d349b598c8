//! `Metric.why()`: why there are no data.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::metric::Metric;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Metric"),
    returns: "string",
    summary: "Why there are no data; empty if there are.",
    search: &["reason", "no data"],
    examples: &[
        Example { world: "breaker", script: r#"prom::query("vector(1)").why()"#, expect: Expect::Value("") },
        Example {
            world: "breaker",
            script: r#"prom::query("no_such_metric").why()"#,
            expect: Expect::Contains("no series"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Metric>()?;
    Ok(Dynamic::from(noun.missing().map(|missing| missing.to_string()).unwrap_or_default()))
}
