//! `Placement.rest()`: who is not on the revision.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;
use crate::placement::Placement;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "rest",
    receiver: Some("Placement"),
    returns: "List<Workload>",
    summary: "The workloads that have a pod whose sidecar is not the revision's.",
    search: &["remaining", "not moved"],
    examples: &[
        Example { world: "upgrade-half-done", script: r#"namespace().placement(revision("1-31")).rest()"#, expect: Expect::Contains("Deployment summit/graph-core and StatefulSet summit/store") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(List::new(call.receiver::<Placement>()?.rest())))
}
