//! `SidecarMemory.is_missing()`: whether what is wrong cannot be told.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::memory::SidecarMemory;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("SidecarMemory"),
    returns: "bool",
    summary: "Whether it cannot be told what is wrong, or that nothing is.",
    doc: "Without a series over time nobody knows whether memory grows: one sample is no leak, and no health either.",
    search: &["no data"],
    examples: &[
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m")).is_missing()"#, expect: Expect::Value("false") },
        Example { world: "healthy", script: r#"workload("legacy").sidecar_memory(over("30m")).is_missing()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<SidecarMemory>()?.missing().is_some()))
}
