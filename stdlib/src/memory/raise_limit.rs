//! `SidecarMemory.raise_limit(most)`: raises the memory limit of a workload's sidecars.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, NO_DATA, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::MEMORY;
use crate::descriptor::{self, param};
use crate::memory::{SidecarMemory, cure};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "raise_limit",
    receiver: Some("SidecarMemory"),
    params: &[param("most", Type::Quantity, "never a higher limit than this")],
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Raises the memory limit of the sidecars by the annotations of the pod template; answers whether anything had to be changed.",
    doc: "To twice the present limit, or half as much again as is needed, whichever is more, in steps of 32 MiB. All four annotations are set in one patch, because any one of them discards Istio's defaults for requests and limits: CPU and the memory request keep the values that are in effect, and what has none gets none. The patch is the rollout: pods are replaced one after the other, and nothing has to be restarted besides.",
    errors: &[&MEMORY, &NO_DATA, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_WORKLOAD,
    search: &["proxyMemoryLimit", "proxyMemory", "annotations", "OOMKilled"],
    examples: &[
        Example { world: "memory-low-limit", script: r#"workload("graph-core").sidecar_memory(over("30m")).raise_limit("1Gi")"#, expect: Expect::Changes(&[
            r#"Deployment summit/graph-core: spec.template.metadata.annotations["sidecar.istio.io/proxyMemoryLimit"]"#,
        ]) },
        Example { world: "memory-low-limit", script: r#"workload("graph-core").sidecar_memory(over("30m")).raise_limit("64Mi")"#, expect: Expect::Fails("meshbook::memory::no_cure") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let memory = call.receiver::<SidecarMemory>()?;
    Ok(Dynamic::from(cure::raise_limit(call.run(), &memory, &call.quantity(0)?)?))
}
