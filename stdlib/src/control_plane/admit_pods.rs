//! `Webhooks.admit_pods()`: whether a new pod would be admitted.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{DENIED, Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::cure;
use crate::control_plane::webhooks::Webhooks;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "admit_pods",
    receiver: Some("Webhooks"),
    returns: "bool",
    class: Some(Class::Probe),
    summary: "Whether the API server would admit a new pod, by a dry run of its creation.",
    doc: "In each namespace whose injector has nothing behind it, or in one namespace with sidecars if there is none such. Nothing is stored (`dryRun=All`), but admission passes as for a real pod, the webhooks included.",
    errors: &[&NO_DATA, &DENIED],
    permissions: descriptor::TRY_PODS,
    search: &["dry run", "create pod", "admission"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().webhooks().admit_pods()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "control-plane-webhook-without-endpoints",
            script: r#"control_plane().webhooks().admit_pods()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let webhooks = call.receiver::<Webhooks>()?;
    let (admitted, what) = cure::admits_pods(call.run(), webhooks.plane())?;
    saw(call, what);
    Ok(Dynamic::from(admitted))
}
