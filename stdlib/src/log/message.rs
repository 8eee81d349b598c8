//! `LogLine.message()`: the line itself, without its time.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::log::LogLine;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "message",
    receiver: Some("LogLine"),
    returns: "string",
    summary: "The line itself, without its time.",
    doc: "Without secrets and control characters.",
    search: &["text", "line"],
    examples: &[Example {
        world: "breaker",
        script: r#"workload("front").logs("istio-proxy", over("30s"), "UO").first().message()"#,
        expect: Expect::Contains("upstream_reset_before_response_started{overflow}"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<LogLine>()?;
    Ok(Dynamic::from(noun.facts().message.clone()))
}
