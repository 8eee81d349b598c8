//! `Trace.own_times()`: where its time goes: the own time of each service's spans.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::trace::Trace;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "own_times",
    receiver: Some("Trace"),
    returns: "OwnTimes",
    summary: "Where its time goes: the own time of each service's spans.",
    doc: "Own time is what a span takes less what its children take inside it; children that overlap count once. Of Istio's spans, a server's own time is the application's own work; a client's is the way, waiting in its proxy included.",
    search: &["latency", "self time", "critical path"],
    examples: &[
        Example { world: "traces", script: r#"jaeger::slow_traces("graph-core.summit", over("5m"), over("2s")).first().own_times()"#, expect: Expect::Contains("of it in store.summit itself") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Trace>()?;
    Ok(Dynamic::from(noun.own_times()))
}
