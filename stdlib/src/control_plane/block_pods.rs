//! `Webhooks.block_pods()`: whether new pods are refused.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::webhooks::Webhooks;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "block_pods",
    receiver: Some("Webhooks"),
    returns: "bool",
    summary: "Whether new pods are refused somewhere because nothing answers the injector.",
    doc: "That is: a MutatingWebhookConfiguration of Istio has `failurePolicy: Fail`, its Service has no ready endpoint or does not exist, and it concerns a namespace.",
    errors: &[&NO_DATA],
    search: &["injector", "failurePolicy"],
    examples: &[
        Example {
            world: "control-plane-crash-loop",
            script: r#"control_plane().webhooks().block_pods()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"control_plane().webhooks().block_pods()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let webhooks = call.receiver::<Webhooks>()?;
    let blocked = webhooks.plane().seen()?.webhooks.iter().any(|one| one.blocks_pods());
    saw(call, webhooks.text());
    Ok(Dynamic::from(blocked))
}
