//! `Usage.cpu()`: the CPU that all pods use together, in cores.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::usage::Usage;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "cpu",
    receiver: Some("Usage"),
    returns: "Metric",
    summary: "The CPU that all pods use together, in cores.",
    doc: "An average over some 15 seconds. A metric: missing where nobody measures it.",
    search: &["cores", "millicores"],
    examples: &[Example {
        world: "latency-hpa",
        script: r#"workload("graph-core").usage().cpu() > 0.1"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Usage>()?;
    Ok(Dynamic::from(noun.cpu()))
}
