//! `Trace.id()`: its id, as Jaeger's page takes it.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::trace::Trace;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "id",
    receiver: Some("Trace"),
    returns: "string",
    summary: "Its id, as Jaeger's page takes it.",
    search: &["traceID"],
    examples: &[
        Example { world: "traces", script: r#"jaeger::slow_traces("graph-core.summit", over("5m"), over("2s")).first().id().len()"#, expect: Expect::Value("32") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Trace>()?;
    Ok(noun.id().into())
}
