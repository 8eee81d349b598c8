//! `Namespace.injection()`: what becomes of its new pods.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::selector::Labels;
use crate::descriptor;
use crate::injection;
use crate::workload::Namespace;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "injection",
    receiver: Some("Namespace"),
    returns: "Injection",
    class: Some(Class::Probe),
    summary: "What becomes of a new pod of the namespace: which revision gives it its sidecar, if any.",
    doc: "The API server tries the creation of a pod without labels of its own (`dryRun=All`, nothing is stored).",
    errors: &[&FORBIDDEN],
    permissions: descriptor::TRY_PODS,
    search: &["istioctl x check-inject", "dry run", "webhook"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"namespace().injection()"#, expect: Expect::Contains("from revision default") },
        Example { world: "upgrade-dangling-tag", script: r#"namespace().injection()"#, expect: Expect::Contains("is refused") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let namespace = call.receiver::<Namespace>()?;
    let injection = injection::attempt(call.run(), &namespace.text(), &Labels::new())?;
    saw(call, injection.text());
    Ok(Dynamic::from(injection))
}
