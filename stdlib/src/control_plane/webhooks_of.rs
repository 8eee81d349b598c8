//! `ControlPlane.webhooks()`: Istio's webhooks.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::ControlPlane;
use crate::control_plane::webhooks::Webhooks;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "webhooks",
    receiver: Some("ControlPlane"),
    returns: "Webhooks",
    summary: "Istio's admission webhooks and what stands behind them.",
    search: &["injector", "MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "failurePolicy"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().webhooks()"#,
            expect: Expect::Contains("refuse nothing"),
        },
        Example {
            world: "control-plane-webhook-without-endpoints",
            script: r#"control_plane().webhooks()"#,
            expect: Expect::Contains("new pods are refused in legacy"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(Webhooks::new(call.receiver::<ControlPlane>()?)))
}
