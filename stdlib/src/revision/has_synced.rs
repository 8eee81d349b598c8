//! `Revision.has_synced(work)`: whether the proxies of a workload belong to it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::revision::{Revision, synced};
use crate::text::some;
use crate::workload::Workload;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "has_synced",
    receiver: Some("Revision"),
    params: &[param("work", Type::Noun("Workload"), "the workload")],
    returns: "bool",
    class: Some(Class::Read),
    summary: "Whether each pod of the workload has its sidecar from the revision, and each proxy has acknowledged all that one of its istiods sent.",
    doc: "Pods by the annotation that the injector leaves; proxies by `/debug/syncz` of every istiod of the revision, read now. A pod that is being deleted does not count.",
    errors: &[&NO_DATA, &FORBIDDEN],
    permissions: descriptor::SYNCED,
    search: &["proxy-status", "SYNCED", "syncz"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("default").has_synced(workload("store"))"#, expect: Expect::Value("true") },
        Example { world: "upgrade-canary", script: r#"revision("1-31").has_synced(workload("store"))"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (revision, work) = (call.receiver::<Revision>()?, call.noun::<Workload>(0)?);
    let lacking = synced::lacking(call.run(), &revision, work.object())?;
    saw(call, if lacking.is_empty() { format!("the proxies of {} are synced", work.text()) } else { some(&lacking, 3) });
    Ok(Dynamic::from(lacking.is_empty()))
}
