//! `Namespace.label_for(revision)`: lets a revision inject its new pods.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NO_DATA, NOT_FOUND, REJECTED};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::NO_INJECTOR;
use crate::descriptor::{self, param};
use crate::revision::Revision;
use crate::workload::{Namespace, moving};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "label_for",
    receiver: Some("Namespace"),
    params: &[param("revision", Type::Noun("Revision"), "the revision")],
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Sets the label by which new pods of the namespace get their sidecar from the revision, and removes the other one, in one patch; answers whether anything had to be changed.",
    doc: "`istio.io/rev` is set and `istio-injection` goes, or the other way round: never both, which would contradict each other (IST0123), and never neither, which would let pods start without a sidecar. The label that it had is kept in the annotation `meshbook/injection-before`, and comes back when the namespace goes back to that revision. Pods that run are not touched.",
    errors: &[&NO_INJECTOR, &NO_DATA, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_NAMESPACE,
    search: &["kubectl label namespace", "istio.io/rev", "istio-injection", "enable injection"],
    examples: &[
        Example {
            world: "upgrade-canary",
            script: r#"namespace().label_for(revision("1-31"))"#,
            expect: Expect::Changes(&[
                "Namespace summit: metadata.annotations[\"meshbook/injection-before\"]",
                "Namespace summit: metadata.labels.istio-injection",
                "Namespace summit: metadata.labels[\"istio.io/rev\"]",
            ]),
        },
        Example {
            world: "upgrade-canary",
            script: r#"namespace().label_for(revision("default"))"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "injection-label-missing",
            script: r#"namespace().label_for(revision("default"))"#,
            expect: Expect::Changes(&["Namespace summit: metadata.labels.istio-injection"]),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (namespace, revision) = (call.receiver::<Namespace>()?, call.noun::<Revision>(0)?);
    Ok(Dynamic::from(moving::label(call.run(), &namespace.text(), &revision)?))
}
