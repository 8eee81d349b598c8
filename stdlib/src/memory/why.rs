//! `SidecarMemory.why()`: why it cannot be told.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::memory::SidecarMemory;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("SidecarMemory"),
    returns: "string",
    summary: "Why it cannot be told what is wrong; empty if it can.",
    search: &["no data", "reason"],
    examples: &[
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m")).why()"#, expect: Expect::Value("") },
        Example { world: "healthy", script: r#"workload("legacy").sidecar_memory(over("30m")).why()"#, expect: Expect::Contains("no pod of Deployment summit/legacy runs a sidecar") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let why = call.receiver::<SidecarMemory>()?.missing().map(|missing| missing.to_string());
    Ok(Dynamic::from(why.unwrap_or_default()))
}
