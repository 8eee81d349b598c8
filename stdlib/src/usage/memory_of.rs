//! `Usage.memory()`: the memory that all pods use together, in bytes.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::usage::Usage;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "memory",
    receiver: Some("Usage"),
    returns: "Metric",
    summary: "The memory that all pods use together, in bytes.",
    doc: "The working set, which is what limits and the kubelet count. A metric that compares with quantities: missing where nobody measures it.",
    search: &["bytes", "working set"],
    examples: &[Example {
        world: "latency-hpa",
        script: r#"workload("graph-core").usage().memory().value() > 50_000_000.0"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Usage>()?;
    Ok(Dynamic::from(noun.memory()))
}
