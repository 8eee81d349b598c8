//! `Workload.is_ready()`: whether all its pods are there.

use meshbook_runtime::change::rollout;
use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::kubernetes::autoscaler::{autoscaler, bounds};
use crate::kubernetes::read;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_ready",
    receiver: Some("Workload"),
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether as many pods as wanted are there, up to date and available, and no others.",
    doc: "As `kubectl rollout status` sees it. Where an autoscaler sets the replicas, its minimum is wanted even before it has acted.",
    errors: &[&NOT_FOUND, &FORBIDDEN],
    permissions: descriptor::ROLLOUT,
    search: &["rollout", "available", "kubectl rollout status"],
    examples: &[Example {
        world: "healthy",
        script: r#"workload("graph-core").is_ready()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, work) = (call.run(), call.receiver::<Workload>()?);
    let object = read::get(run, work.object())?;
    let minimum = autoscaler(run, work.object())?.map_or(0, |(_, scaler)| bounds(&scaler).0);
    let (ready, wanted, done) = rollout::progress(&object, minimum);
    saw(call, format!("{ready} of {wanted} pods of {} are ready", work.object()));
    Ok(Dynamic::from(done))
}
