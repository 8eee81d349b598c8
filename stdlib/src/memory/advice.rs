//! `SidecarMemory.advice()`: what to do.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::memory::SidecarMemory;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "advice",
    receiver: Some("SidecarMemory"),
    returns: "string",
    summary: "What is wrong and what to do about it, in a sentence or two; empty if nothing is wrong.",
    errors: &[&NO_DATA],
    search: &["what to do"],
    examples: &[
        Example { world: "memory-leak", script: r#"workload("graph-core").sidecar_memory(over("30m")).advice()"#, expect: Expect::Contains("its limit of 1Gi is reached in about") },
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m")).advice()"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let memory = call.receiver::<SidecarMemory>()?;
    let verdict = memory.verdict().map_err(|missing| missing.failure(&memory.what()))?;
    Ok(Dynamic::from(verdict.map(|verdict| verdict.advice).unwrap_or_default()))
}
