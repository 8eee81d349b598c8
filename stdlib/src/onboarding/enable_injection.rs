//! `Namespace.enable_injection()`: lets new pods of the run's namespace get a sidecar.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::{Class, ObjectRef};
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;
use serde_json::json;

use crate::code::TWO_LABELS;
use crate::descriptor;
use crate::kubernetes::{kinds, read};
use crate::object::convert::merge;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "enable_injection",
    receiver: Some("Namespace"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Lets new pods of the run's namespace get a sidecar: `istio-injection=enabled`; answers whether anything had to be changed.",
    doc: "The namespace belongs to the cluster, but it is the run's own: no script can name another. Pods that are there stay without a sidecar until they are made anew. Refused where `istio.io/rev` is set: two labels contradict each other (IST0123), and which revision is meant, its owner knows.",
    errors: &[&TWO_LABELS, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::LABEL_NAMESPACE,
    search: &["kubectl label namespace", "istio-injection", "inject"],
    examples: &[Example {
        world: "healthy",
        script: r#"namespace().enable_injection()"#,
        expect: Expect::Value("false"),
    }, Example {
        world: "injection-label-missing",
        script: r#"namespace().enable_injection()"#,
        expect: Expect::Changes(&["Namespace summit: metadata.labels.istio-injection"]),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let run = call.run();
    let object = ObjectRef::new(kinds::namespace(), "", run.namespace());
    let before = read::get(run, &object)?;
    if let Some(revision) = before["metadata"]["labels"]["istio.io/rev"].as_str() {
        return Err(Failure::new(&TWO_LABELS, format!("{object} follows the revision {}", crate::text::first_line(revision)))
            .unchanged(format!("{object} was not changed"))
            .hint("its new pods get that revision's sidecar already: see why they do not by `reference/analyze.rhai`"));
    }
    let mut after = before.clone();
    merge(&mut after, &json!({ "metadata": { "labels": { "istio-injection": "enabled" } } }));
    let change = Change::new(object, "let its new pods get a sidecar".into(), before, after).designated();
    Ok(Dynamic::from(run.change(change)?.is_made()))
}
