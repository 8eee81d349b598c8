//! `SidecarMemory.limit_configuration()`: creates a Sidecar resource that keeps what the workload asks.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, NO_DATA, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::MEMORY;
use crate::descriptor;
use crate::memory::{SidecarMemory, cure};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "limit_configuration",
    receiver: Some("SidecarMemory"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::Deletion),
    summary: "Creates the Sidecar resource that tells the workload's proxies only of the services that it asks.",
    doc: "Only where configuration size is the cause and no Sidecar resource applies. It has the workload's name and selects its pods; its `egress.hosts` are the services that the workload asked in the last seven days, by its own proxies' telemetry, and everything in Istio's root namespace. What it asks less often than that is not known to its proxies afterwards: such requests leave unencrypted through the PassthroughCluster, or not at all with `REGISTRY_ONLY`. Proxies take it over without a restart.",
    errors: &[&MEMORY, &NO_DATA, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CREATE_SIDECAR,
    search: &["Sidecar", "egress", "hosts", "config_dump"],
    examples: &[
        Example { world: "memory-configuration-size", script: r#"workload("graph-core").sidecar_memory(over("30m")).limit_configuration()"#, expect: Expect::Changes(&["Sidecar summit/graph-core: spec.workloadSelector.labels.app", "Sidecar summit/graph-core: spec.egress"]) },
        Example { world: "memory-leak", script: r#"workload("graph-core").sidecar_memory(over("30m")).limit_configuration()"#, expect: Expect::Fails("meshbook::memory::no_cure") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(cure::limit_configuration(call.run(), &call.receiver::<SidecarMemory>()?)?))
}
