//! `LogLine.time()`: when the container wrote it, as RFC 3339 in UTC.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::log::LogLine;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "time",
    receiver: Some("LogLine"),
    returns: "string",
    summary: "When the container wrote it, as RFC 3339 in UTC.",
    doc: "By the clock of its node.",
    search: &["timestamp"],
    examples: &[Example {
        world: "breaker",
        script: r#"workload("front").logs("istio-proxy", over("30s"), "UO").first().time()"#,
        expect: Expect::Contains("T"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<LogLine>()?;
    Ok(Dynamic::from(noun.facts().at.to_string()))
}
