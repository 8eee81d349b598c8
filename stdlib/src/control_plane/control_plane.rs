//! `control_plane()`: Istio's control plane, now.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::gather::gather;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "control_plane",
    returns: "ControlPlane",
    class: Some(Class::Read),
    summary: "Istio's control plane as it is now: every istiod of every revision, what leads to them, what calls them, and their proxies.",
    doc: "Reads istiod's pods, Services, EndpointSlices, NetworkPolicies and webhooks; asks each istiod by port-forward to 15014 for its version, the sync state of its proxies and its metrics; asks those proxies that no istiod knows for their own statistics of the connection; Prometheus for the latency of the API server. What does not answer is named and fails nothing else. It is a picture: ask again for a newer one.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::CONTROL_PLANE,
    search: &["istiod", "pilot", "proxy-status", "syncz", "version"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane()"#,
            expect: Expect::Contains("1 of 1 istiod ready"),
        },
        Example {
            world: "control-plane-stale-istiod",
            script: r#"control_plane()"#,
            expect: Expect::Contains("3 of 3 istiods ready"),
        },
        Example {
            world: "control-plane-wrong-selector",
            script: r#"control_plane()"#,
            expect: Expect::Contains(" 0 of "),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let plane = gather(call.run())?;
    saw(call, plane.text());
    Ok(Dynamic::from(plane))
}
