//! `Workload.sidecar_memory(over)`: what its sidecars use, and what they may.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::memory::gather::gather;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "sidecar_memory",
    receiver: Some("Workload"),
    params: &[param("over", Type::Duration, "how far back growth and kills are looked for")],
    returns: "SidecarMemory",
    class: Some(Class::Read),
    summary: "The memory of the workload's sidecars: what they use and may, how it changes over time, kills, and what they need it for.",
    doc: "Working sets are cAdvisor's `container_memory_working_set_bytes{container=\"istio-proxy\"}`, which the kernel's limit is held against; limits, restarts and kills are those of the Pod's container or native sidecar; what Envoy has allocated, its clusters and its connections are its own statistics. A proxy that does not answer is named.",
    errors: &[&NOT_FOUND, &FORBIDDEN],
    permissions: descriptor::SIDECAR_MEMORY,
    search: &["memory", "OOMKilled", "leak", "kubectl top", "istio-proxy"],
    examples: &[
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m"))"#, expect: Expect::Contains("have room: at most") },
        Example { world: "memory-low-limit", script: r#"workload("graph-core").sidecar_memory(over("30m"))"#, expect: Expect::Contains("were killed for memory in 30m") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let work = call.receiver::<Workload>()?;
    Ok(Dynamic::from(gather(call.run(), work.object(), call.span(0)?)?))
}
