//! `Namespace.create()`: creates it where it is not there.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, REJECTED};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;
use serde_json::json;

use crate::descriptor;
use crate::desired;
use crate::kubernetes::read;
use crate::revision::labels;
use crate::workload::Namespace;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "create",
    receiver: Some("Namespace"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::Deletion),
    summary: "Creates the namespace if it is not there; answers whether it had to.",
    doc: "Without labels of its own: `label_for` lets a revision inject its pods. Taken back, it is deleted, but not while anything is in it that somebody else has put there, which would go with it.",
    errors: &[&FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CREATE_NAMESPACE,
    search: &["kubectl create namespace"],
    examples: &[
        Example {
            world: "installation-no-namespace",
            script: r#"namespace().create()"#,
            expect: Expect::Changes(&[
                "Namespace edge: metadata.labels[\"kubernetes.io/metadata.name\"]",
                "Namespace edge: spec.finalizers",
            ]),
        },
        Example { world: "healthy", script: r#"namespace().create()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, object) = (call.run(), labels::object(&call.receiver::<Namespace>()?.text()));
    if read::find(run, &object)?.is_some() {
        return Ok(Dynamic::from(false));
    }
    let creation = Change::creation(object, "nothing of the run has a place yet".into(), json!({ "metadata": {} }));
    let companions = desired::companions(&creation.object);
    Ok(Dynamic::from(run.change(creation.designated().with_companions(companions))?.is_made()))
}
