//! `Workload.export_statistics()`: lets its proxies tell.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::sources::switch;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "export_statistics",
    receiver: Some("Workload"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Lets the proxies of the workload export Envoy's statistics of the services that it calls; answers whether anything had to be changed.",
    doc: "Sets `proxyStatsMatcher` in the annotation `proxy.istio.io/config` of its pod template, keeping what is there and what the mesh has. Pods get it when they start, so the workload is rolled out once; and once more if it is taken back.",
    errors: &[&TYPE, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::ROLL_OUT,
    search: &["proxyStatsMatcher", "proxy.istio.io/config", "statistics"],
    examples: &[
        Example {
            world: "breaker-default-stats",
            script: r#"workload("front").export_statistics()"#,
            expect: Expect::Changes(&["Deployment summit/front: spec.template.metadata.annotations[\"proxy.istio.io/config\"]"]),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(switch::statistics(call.run(), call.receiver::<Workload>()?.object())?))
}
