//! `SidecarMemory.is_curable(most)`: whether one change helps.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::memory::{SidecarMemory, cure};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_curable",
    receiver: Some("SidecarMemory"),
    params: &[param("most", Type::Quantity, "the highest memory limit that may be set")],
    returns: "bool",
    summary: "Whether `limit_configuration()` or `raise_limit(most)` would help, whichever fits the cause.",
    doc: "Never with a leak: a restart or a higher limit only begins it anew. Not where a Sidecar resource applies already, where the rollout is paused or waits for somebody to delete pods, or where the pod template sets the limit of an `istio-proxy` container of its own, which wins over annotations.",
    errors: &[&NO_DATA],
    search: &["fixable"],
    examples: &[
        Example { world: "memory-low-limit", script: r#"workload("graph-core").sidecar_memory(over("30m")).is_curable("1Gi")"#, expect: Expect::Value("true") },
        Example { world: "memory-low-limit", script: r#"workload("graph-core").sidecar_memory(over("30m")).is_curable("64Mi")"#, expect: Expect::Value("false") },
        Example { world: "memory-leak", script: r#"workload("graph-core").sidecar_memory(over("30m")).is_curable("1Gi")"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let memory = call.receiver::<SidecarMemory>()?;
    Ok(Dynamic::from(cure::obstacle(&memory, &call.quantity(0)?)?.is_none()))
}
