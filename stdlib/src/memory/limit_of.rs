//! `SidecarMemory.limit()`: the limit in effect.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::Missing;
use rhai::Dynamic;

use crate::descriptor;
use crate::memory::SidecarMemory;
use crate::metric::{Metric, Unit};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "limit",
    receiver: Some("SidecarMemory"),
    returns: "Metric",
    summary: "The lowest memory limit that is in effect for one of the sidecars, in bytes.",
    doc: "As the pods have it, native sidecars included; not as annotations ask for it. It compares with quantities. Missing where none has a limit.",
    errors: &[&NO_DATA],
    search: &["limits", "resources", "proxyMemoryLimit"],
    examples: &[
        Example { world: "memory-low-limit", script: r#"workload("graph-core").sidecar_memory(over("30m")).limit()"#, expect: Expect::Value("56 MiB") },
        Example { world: "healthy", script: r#"workload("graph-core").sidecar_memory(over("30m")).limit()"#, expect: Expect::Value("1 GiB") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let memory = call.receiver::<SidecarMemory>()?;
    let limit = memory.seen()?.lowest_limit();
    let limit = limit.ok_or_else(|| Missing::NotExported("its sidecars have no memory limit".into()));
    let limit = Metric::of(format!("lowest memory limit of the sidecars of {}", memory.work()), Unit::Bytes, limit);
    saw(call, limit.text());
    Ok(Dynamic::from(limit))
}
