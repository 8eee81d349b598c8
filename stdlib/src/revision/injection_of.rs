//! `Revision.injection()`: whether it injects a new pod.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::injection;
use crate::revision::Revision;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "injection",
    receiver: Some("Revision"),
    returns: "Injection",
    class: Some(Class::Probe),
    summary: "What becomes of a new pod that should get its sidecar from the revision.",
    doc: "The API server tries the creation of a pod (`dryRun=All`, nothing is stored): in the run's namespace if its labels lead to the revision, else in another one; where no namespace's do, the pod itself is labelled `istio.io/rev`, which counts in a namespace without labels. Native sidecars, among the init containers, are seen.",
    errors: &[&NO_DATA],
    permissions: descriptor::TRY_PODS,
    search: &["admits", "webhook", "dry run", "istioctl x check-inject"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("1-31").injection()"#, expect: Expect::Contains("gets a native sidecar (an init container) of 1.31.0 from revision 1-31") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let injection = injection::of_revision(call.run(), &call.receiver::<Revision>()?)?;
    saw(call, injection.text());
    Ok(Dynamic::from(injection))
}
