//! `SidecarMemory.cause()`: what is wrong.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::memory::SidecarMemory;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "cause",
    receiver: Some("SidecarMemory"),
    returns: "string",
    summary: "What is wrong, in its fixed words; `()` if the sidecars have room and none grows.",
    doc: "The words: memory leak, configuration size, low memory limit, more connections, killed without a limit of its own. A leak is growth over the longest life of a process in the span (the median of the slopes between all pairs of samples) while its clusters and connections stay the same. Configuration size is memory that more than a hundred clusters take of which few are asked. A limit is low where a sidecar was killed or needs more than four fifths of it, and neither of the others holds.",
    errors: &[&NO_DATA],
    search: &["diagnosis", "leak", "OOMKilled"],
    examples: &[
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m")).cause() == ()"#, expect: Expect::Value("true") },
        Example { world: "memory-leak", script: r#"workload("graph-core").sidecar_memory(over("30m")).cause()"#, expect: Expect::Value("memory leak") },
        Example { world: "memory-configuration-size", script: r#"workload("graph-core").sidecar_memory(over("30m")).cause()"#, expect: Expect::Value("configuration size") },
        Example { world: "memory-low-limit", script: r#"workload("graph-core").sidecar_memory(over("30m")).cause()"#, expect: Expect::Value("low memory limit") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let memory = call.receiver::<SidecarMemory>()?;
    let verdict = memory.verdict().map_err(|missing| missing.failure(&memory.what()))?;
    Ok(verdict.map_or(Dynamic::UNIT, |verdict| Dynamic::from(verdict.cause)))
}
