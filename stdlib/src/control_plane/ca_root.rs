//! `ControlPlane.ca_root()`: the root certificate, namespace by namespace.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::{ControlPlane, pages};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "ca_root",
    receiver: Some("ControlPlane"),
    returns: "Page",
    class: Some(Class::Read),
    summary: "The root certificate of the mesh: as the namespace of istiod has it, whether each other namespace agrees, and when it expires.",
    doc: "From the ConfigMaps `istio-ca-root-cert` that istiod keeps in every namespace (X.509, RFC 5280); an istiod whose own root expires at another time (`citadel_server_root_cert_expiry_timestamp`) is named. A namespace that has proxies and no root has a row too. Each row has `namespace`, `agrees` (bool), `serial`, `subject`, `not_before`, `not_after` (RFC 3339), `valid` (bool), `seconds_left` (int, negative when expired).",
    errors: &[&FORBIDDEN],
    permissions: descriptor::CA_ROOT,
    search: &["istio-ca-root-cert", "ROOTCA", "CA", "expiry", "citadel"],
    examples: &[
        Example { world: "healthy", script: r#"control_plane().ca_root().rows().filter(|one| !one.agrees).len()"#, expect: Expect::Value("0") },
        Example { world: "healthy", script: r#"control_plane().ca_root().rows()[0].seconds_left > 86400"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(pages::roots(call.run(), &call.receiver::<ControlPlane>()?)?))
}
