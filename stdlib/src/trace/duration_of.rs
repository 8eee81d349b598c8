//! `Trace.duration()`: how long it took, from its first span's begin to its last span's end.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::trace::Trace;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "duration",
    receiver: Some("Trace"),
    returns: "Metric",
    summary: "How long it took, from its first span's begin to its last span's end.",
    doc: "It compares with durations.",
    search: &["latency"],
    examples: &[
        Example { world: "traces", script: r#"jaeger::slow_traces("graph-core.summit", over("5m"), over("2s")).first().duration() > over("2s")"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Trace>()?;
    Ok(Dynamic::from(noun.duration()))
}
