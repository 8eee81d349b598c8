//! `ControlPlane.push_status()`: what the istiods noted of their last push.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::{ControlPlane, pages};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "push_status",
    receiver: Some("ControlPlane"),
    returns: "Page",
    class: Some(Class::Read),
    summary: "What the istiods noted of their last push: clusters without endpoints, conflicting listeners, duplicate domains.",
    doc: "From `/debug/push_status` of each istiod. Each row has `metric`, such as `pilot_eds_no_instances`, `name` (a cluster, a host, a listener), `of_proxy`, `message`, `istiod`.",
    permissions: descriptor::FORWARD,
    search: &["push_status", "pilot_eds_no_instances", "conflict"],
    examples: &[
        Example { world: "healthy", script: r#"control_plane().push_status().silent().len()"#, expect: Expect::Value("0") },
        Example { world: "no-healthy-upstream", script: r#"control_plane().push_status().rows().filter(|one| one.name.contains("graph-core.summit")).len() > 0"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(pages::push_status(call.run(), &call.receiver::<ControlPlane>()?)?))
}
