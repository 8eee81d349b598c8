//! `LogLine.pod()`: the name of the pod that wrote it.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::log::LogLine;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "pod",
    receiver: Some("LogLine"),
    returns: "string",
    summary: "The name of the pod that wrote it.",
    search: &["source"],
    examples: &[Example {
        world: "breaker",
        script: r#"workload("front").logs("istio-proxy", over("30s"), "UO").first().pod()"#,
        expect: Expect::Contains("front-"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<LogLine>()?;
    Ok(Dynamic::from(noun.facts().pod.clone()))
}
