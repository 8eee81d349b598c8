//! `ControlPlane.can_admit_proxies()`: whether it is plain which NetworkPolicy to open.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::{ControlPlane, cure};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "can_admit_proxies",
    receiver: Some("ControlPlane"),
    returns: "bool",
    summary: "Whether exactly one NetworkPolicy shuts istiod off, and it is about istiod alone.",
    doc: "A policy for a whole namespace, or several, are their owners' to change.",
    errors: &[&NO_DATA],
    search: &["NetworkPolicy", "ingress"],
    examples: &[
        Example {
            world: "control-plane-network-policy",
            script: r#"control_plane().can_admit_proxies()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"control_plane().can_admit_proxies()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(cure::closed_policy(call.receiver::<ControlPlane>()?.seen()?).is_some()))
}
