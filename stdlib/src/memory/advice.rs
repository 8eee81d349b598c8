//! `SidecarMemory.advice(most)`: what to do.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::memory::{SidecarMemory, cause, cure};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "advice",
    receiver: Some("SidecarMemory"),
    params: &[param("most", Type::Quantity, "the highest memory limit that may be set")],
    returns: "string",
    summary: "What is wrong and what to do about it, in a sentence or two; empty if nothing is wrong.",
    doc: "Where a higher limit would help and cannot be set, it says why.",
    errors: &[&NO_DATA],
    search: &["what to do"],
    examples: &[
        Example {
            world: "memory-low-limit",
            script: r#"workload("graph-core").sidecar_memory(over("30m")).advice("96Mi")"#,
            expect: Expect::Contains("it would need a limit of 128Mi, and 96Mi is the most that was allowed"),
        },
        Example { world: "memory-leak", script: r#"workload("graph-core").sidecar_memory(over("30m")).advice("1Gi")"#, expect: Expect::Contains("its limit of 1Gi is reached in about") },
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m")).advice("1Gi")"#, expect: Expect::Value("") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let memory = call.receiver::<SidecarMemory>()?;
    let verdict = memory.verdict().map_err(|missing| missing.failure(&memory.what()))?;
    let Some(verdict) = verdict else { return Ok(Dynamic::from(String::new())) };
    let obstacle = if verdict.cause == cause::LOW_LIMIT { cure::obstacle(&memory, &call.quantity(0)?)? } else { None };
    Ok(Dynamic::from(obstacle.map_or(verdict.advice, |obstacle| format!("{}: {obstacle}", verdict.what))))
}
