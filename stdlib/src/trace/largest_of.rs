//! `OwnTimes.largest()`: the service with the most own time; empty if there is no span.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::trace::OwnTimes;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "largest",
    receiver: Some("OwnTimes"),
    returns: "string",
    summary: "The service with the most own time; empty if there is no span.",
    search: &["slow"],
    examples: &[
        Example { world: "traces", script: r#"jaeger::slow_traces("graph-core.summit", over("5m"), over("2s")).first().own_times().largest()"#, expect: Expect::Value("store.summit") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<OwnTimes>()?;
    Ok(noun.largest().into())
}
