//! `Placement.without_sidecar()`: who still lacks a sidecar.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::placement::Placement;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "without_sidecar",
    receiver: Some("Placement"),
    returns: "List<Workload>",
    summary: "The workloads that have a pod without a sidecar, though nothing says that it shall have none.",
    doc: "A sidecar counts as a container and as a native sidecar, among the init containers. A workload whose pod template says `sidecar.istio.io/inject: \"false\"`, or whose pods use the network of their nodes, is meant to have none.",
    search: &["not injected", "missing sidecar", "bare"],
    examples: &[
        Example {
            world: "injection-label-missing",
            script: r#"namespace().placement(revision("default")).without_sidecar()"#,
            expect: Expect::Contains("Deployment summit/checkout and Deployment summit/front"),
        },
        Example {
            world: "upgrade-half-done",
            script: r#"namespace().placement(revision("1-31")).without_sidecar().len()"#,
            expect: Expect::Value("0"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(List::new(call.receiver::<Placement>()?.without_sidecar())))
}
