//! `Outstanding.refused()`: what could not be made so, known before anything is.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{DENIED, FORBIDDEN, Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::manifest::outstanding::Outstanding;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "refused",
    receiver: Some("Outstanding"),
    returns: "string",
    class: Some(Class::Probe),
    summary: "What the API server would not let become as it was rendered, with its reason; empty if nothing.",
    doc: "Each object that is there and otherwise is tried (`dryRun=All`): an immutable field that another installer has set otherwise, or a permission that is missing, is known before the first change. What is not there yet is not tried: its namespace may not be there either.",
    errors: &[&FORBIDDEN, &DENIED],
    permissions: descriptor::PATCH_ANY,
    search: &["dry run", "immutable", "conflict", "preflight"],
    examples: &[
        Example {
            world: "install-half-done",
            script: r#"istio_manifest("1.31.0").outstanding().refused()"#,
            expect: Expect::Value(""),
        },
        Example {
            world: "healthy",
            script: r#"istio_manifest("1.31.0").outstanding().refused()"#,
            expect: Expect::Contains("Deployment.apps \"istiod\" is invalid: spec.selector"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let refused = call.receiver::<Outstanding>()?.refused(call.run())?.unwrap_or_default();
    saw(call, if refused.is_empty() { "everything can be made so".to_owned() } else { refused.clone() });
    Ok(Dynamic::from(refused))
}
