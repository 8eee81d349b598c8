//! `ControlPlane.admit_proxies()`: opens the NetworkPolicy of istiod.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, NO_DATA, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::CONTROL_PLANE_AMBIGUOUS;
use crate::control_plane::{ControlPlane, cure};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "admit_proxies",
    receiver: Some("ControlPlane"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Adds a rule to the NetworkPolicy of istiod that admits what proxies and the API server need.",
    doc: "Ports 15012 (configuration and certificates, by TLS) and 15017 (webhooks, by TLS), from everywhere, as without a policy: proxies are everywhere, and the API server is no pod. Only where `can_admit_proxies()` holds.",
    errors: &[&CONTROL_PLANE_AMBIGUOUS, &NO_DATA, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_POLICY,
    search: &["NetworkPolicy", "ingress", "15012"],
    examples: &[
        Example {
            world: "control-plane-network-policy",
            script: r#"control_plane().admit_proxies()"#,
            expect: Expect::Changes(&["NetworkPolicy istio-system/istiod-metrics-only: spec.ingress"]),
        },
        Example {
            world: "healthy",
            script: r#"control_plane().admit_proxies()"#,
            expect: Expect::Fails("meshbook::control_plane::ambiguous"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(cure::admit_proxies(call.run(), &call.receiver::<ControlPlane>()?)?))
}
