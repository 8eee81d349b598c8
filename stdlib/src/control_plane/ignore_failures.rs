//! `Webhooks.ignore_failures()`: the emergency.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, NO_DATA, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::cure;
use crate::control_plane::webhooks::Webhooks;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "ignore_failures",
    receiver: Some("Webhooks"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Lets new pods start without a sidecar while nothing answers the injector; answers whether anything had to be changed.",
    doc: "Sets `failurePolicy` to `Ignore` in those webhooks of Istio's injectors that refuse pods. Pods that start meanwhile have no sidecar: peers that demand mutual TLS refuse them, and no policy of the mesh holds for them. Take it back by `meshbook undo` when istiod answers, and restart those pods. The objects belong to the cluster and are designated by what was seen, so the run's namespace does not matter.",
    errors: &[&NO_DATA, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_INJECTOR,
    search: &["emergency", "failurePolicy", "Ignore", "injector"],
    examples: &[
        Example {
            world: "control-plane-webhook-without-endpoints",
            script: r#"control_plane().webhooks().ignore_failures()"#,
            expect: Expect::Changes(&["MutatingWebhookConfiguration istio-sidecar-injector-1-30: webhooks[rev.namespace.sidecar-injector.istio.io].failurePolicy", "MutatingWebhookConfiguration istio-sidecar-injector-1-30: webhooks[rev.object.sidecar-injector.istio.io].failurePolicy"]),
        },
        Example {
            world: "healthy",
            script: r#"control_plane().webhooks().ignore_failures()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let webhooks = call.receiver::<Webhooks>()?;
    Ok(Dynamic::from(cure::ignore_failures(call.run(), webhooks.plane())?))
}
