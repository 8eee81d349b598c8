//! `Manifest.outstanding()`: what of it the cluster lacks.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::manifest::{Manifest, outstanding};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "outstanding",
    receiver: Some("Manifest"),
    returns: "Outstanding",
    class: Some(Class::Read),
    summary: "What of the manifest the cluster lacks now: objects that are not there, otherwise, or do not work yet.",
    doc: "Every rendered field is looked for; what servers and controllers add, and leave out because it is empty, is no difference, nor are the labels that say which installation has written a shared object last, nor what istiod writes into its webhooks. An object works when its kind shows it: a CustomResourceDefinition is established, a Deployment rolled out, a webhook has the root certificate by which it is trusted.",
    errors: &[&FORBIDDEN],
    permissions: descriptor::GET_ANY,
    search: &["compare", "diff", "istioctl verify-install"],
    examples: &[
        Example {
            world: "install-empty",
            script: r#"istio_manifest("1.31.0").outstanding()"#,
            expect: Expect::Contains("are outstanding"),
        },
        Example {
            world: "install-half-done",
            script: r#"istio_manifest("1.31.0").outstanding().is_empty()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let outstanding = outstanding::gather(call.run(), &call.receiver::<Manifest>()?)?;
    saw(call, outstanding.text());
    Ok(Dynamic::from(outstanding))
}
