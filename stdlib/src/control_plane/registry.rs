//! `ControlPlane.registry()`: the services that the istiods know.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::{ControlPlane, pages};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "registry",
    receiver: Some("ControlPlane"),
    returns: "Page",
    class: Some(Class::Read),
    summary: "The services that the istiods know, with their registry, address and ports. A service that only some of them know is shown with the istiod.",
    doc: "From `/debug/registryz` of each istiod. Each row has `hostname`, `namespace`, `registry` (`Kubernetes`, `External` for a ServiceEntry), `address`, `ports` (array of `name`, `port`, `protocol`), `created` (RFC 3339), `istiod`.",
    permissions: descriptor::FORWARD,
    search: &["registryz", "services", "ServiceEntry", "protocol"],
    examples: &[
        Example { world: "healthy", script: r#"control_plane().registry().rows().filter(|one| one.hostname == "graph-core.summit.svc.cluster.local")[0].ports[0].protocol"#, expect: Expect::Value("HTTP") },
        Example { world: "control-plane-stale-istiod", script: r#"control_plane().registry()"#, expect: Expect::Contains("of 3 istiods") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(pages::registry(call.run(), &call.receiver::<ControlPlane>()?)?))
}
