//! `Workload.move_to(revision)`: replaces its pods, so that they belong to a revision.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NO_DATA, NOT_FOUND, REJECTED, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::code::{NO_INJECTOR, NO_ROLLOUT};
use crate::descriptor::{self, optional, param};
use crate::revision::Revision;
use crate::workload::Workload;
use crate::workload::moving::{self, Label};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "move_to",
    receiver: Some("Workload"),
    params: &[
        param("revision", Type::Noun("Revision"), "the revision, for which the namespace is labelled already"),
        optional(
            "label",
            Type::String,
            "\"follows\"",
            "which label of the namespace goes back when this is taken back: `follows`, whoever has set it, or `own`, only one that the run has set",
        )
        .naming(Names::OneOf(&["follows", "own"])),
    ],
    returns: "()",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Replaces all pods of the workload, by a rollout of its own strategy, so that they get their sidecar from the revision.",
    doc: "As `kubectl rollout restart`. Taken back, its pods are replaced once more; before that the namespace's label goes back to the revision that they had, because a pod's own label `istio.io/rev` counts for nothing in a labelled namespace; from the pods of a workload that had no sidecar the label goes altogether. Where the run itself has not set the label, a change of the namespace has to be approved for that too; with `own` such a label stays, and they get their sidecar from the revision again: for the way back to a revision that is known to work. Pods of other workloads stay as they are; one of them that is replaced later gets its sidecar from the old revision again. A StatefulSet whose new pod never becomes ready keeps that pod even so: delete it by hand. Refused where the rollout would not come about (a paused Deployment, `OnDelete`), and where the namespace's label does not lead to the revision.",
    errors: &[&TYPE, &NO_INJECTOR, &NO_ROLLOUT, &NO_DATA, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::MOVE_WORKLOAD,
    search: &["kubectl rollout restart", "promote", "restart"],
    examples: &[
        Example {
            world: "upgrade-half-done",
            script: r#"workload("store").move_to(revision("1-31"))"#,
            expect: Expect::Changes(&[
                "StatefulSet summit/store: spec.template.metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"]",
            ]),
        },
        Example {
            world: "upgrade-canary",
            script: r#"workload("store").move_to(revision("1-31"))"#,
            expect: Expect::Fails("meshbook::revision::no_injector"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (work, revision) = (call.receiver::<Workload>()?, call.noun::<Revision>(0)?);
    let label = if call.given(1) { call.string(1)? } else { "follows".to_owned() };
    let label = match label.as_str() {
        "follows" => Label::Follows,
        "own" => Label::Own,
        other => {
            return Err(Failure::new(&TYPE, format!("label `{other}` is neither `follows` nor `own`")));
        }
    };
    moving::replace(call.run(), &work, &revision, label)?;
    Ok(Dynamic::UNIT)
}
