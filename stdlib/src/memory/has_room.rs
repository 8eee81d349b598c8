//! `SidecarMemory.has_room()`: whether every sidecar fits well into its limit.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::memory::SidecarMemory;
use crate::memory::judge::FULL;
use crate::text::percent;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "has_room",
    receiver: Some("SidecarMemory"),
    returns: "bool",
    summary: "Whether no sidecar was killed for memory in the span, and each needs at most four fifths of its limit.",
    doc: "What it needs is its working set without what Envoy has freed and keeps: its allocator gives pages back to the kernel only when more than 100 MB lie idle, so a smaller configuration shows in the working set after the next start.",
    errors: &[&NO_DATA],
    search: &["OOMKilled", "proof", "headroom"],
    examples: &[
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m")).has_room()"#, expect: Expect::Value("true") },
        Example { world: "memory-low-limit", script: r#"workload("graph-core").sidecar_memory(over("30m")).has_room()"#, expect: Expect::Value("false") },
        Example { world: "memory-configuration-size", script: r#"workload("graph-core").sidecar_memory(over("30m")).has_room()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let memory = call.receiver::<SidecarMemory>()?;
    let seen = memory.seen()?;
    let killed = seen.killed(memory.span()).len();
    if killed > 0 {
        saw(call, format!("{killed} of {} sidecars were killed for memory in {}", seen.sidecars.len(), memory.span()));
        return Ok(Dynamic::from(false));
    }
    let mut most = 0.0_f64;
    for one in &seen.sidecars {
        let share = one.share().map_err(|missing| missing.failure(&memory.what()))?;
        most = most.max(share.unwrap_or(0.0));
    }
    saw(call, format!("{} sidecars need at most {} of their memory limit", seen.sidecars.len(), percent(most)));
    Ok(Dynamic::from(most <= FULL))
}
