//! `ControlPlane.proxies()`: the proxies and their connections.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::ControlPlane;
use crate::control_plane::connection::Connections;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "proxies",
    receiver: Some("ControlPlane"),
    returns: "Connections",
    summary: "The proxies of the mesh: by which istiod each is known, and what those that none knows say themselves.",
    doc: "A proxy counts as connected if an istiod lists it or its own Envoy has an open connection of cluster `xds-grpc`.",
    search: &["proxy-status", "connected", "sidecars"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().proxies()"#,
            expect: Expect::Contains("connected"),
        },
        Example {
            world: "control-plane-wrong-selector",
            script: r#"control_plane().proxies()"#,
            expect: Expect::Contains("without a connection"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let plane = call.receiver::<ControlPlane>()?;
    let all = plane.outcome().map(|seen| seen.connections.clone());
    Ok(Dynamic::from(Connections::new(all)))
}
