//! `Workload.restart()`: replaces all its pods.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;
use serde_json::json;

use crate::code::NO_ROLLOUT;
use crate::descriptor;
use crate::kubernetes::read;
use crate::object::convert::merge;
use crate::workload::Workload;
use crate::workload::rollout::{RESTARTED_AT, no_rollout};

const WHY: &str = "the pods that it replaces are gone, with what they held in memory; to set the annotation back would replace them once more";

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "restart",
    receiver: Some("Workload"),
    class: Some(Class::Irreversible),
    inverse: Some(Inverse::Irreversible(WHY)),
    summary: "Replaces all pods of the workload, by a rollout of its own strategy.",
    doc: "As `kubectl rollout restart`: the annotation `kubectl.kubernetes.io/restartedAt` of the pod template becomes the present time. Wait for `is_ready()` after it. It cannot be taken back, so unattended its approval names the object: `--approve deployment/front`. Refused where it would not come about: a paused Deployment, or the update strategy `OnDelete`.",
    errors: &[&NO_ROLLOUT, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_WORKLOAD,
    search: &["kubectl rollout restart", "rollout", "bounce", "recreate pods"],
    examples: &[Example {
        world: "healthy",
        script: r#"workload("front").restart()"#,
        expect: Expect::Changes(&[
            "Deployment summit/front: spec.template.metadata.annotations[\"kubectl.kubernetes.io/restartedAt\"]",
        ]),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, work) = (call.run(), call.receiver::<Workload>()?);
    let object = work.object();
    let before = read::get(run, object)?;
    if let Some(why) = no_rollout(&before) {
        return Err(Failure::new(&NO_ROLLOUT, format!("{object} would not replace its pods: {why}"))
            .unchanged(format!("{object} was not changed")));
    }
    let now = run.now()?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut after = before.clone();
    merge(&mut after, &json!({ "spec": { "template": { "metadata": { "annotations": { RESTARTED_AT: now } } } } }));
    let summary = "restart: its pods are replaced one after the other".to_owned();
    run.change(Change::new(object.clone(), summary, before, after).irreversible(WHY))?;
    Ok(Dynamic::UNIT)
}
