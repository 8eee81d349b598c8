//! `Namespace.placement(revision)`: who is on a revision.

use meshbook_runtime::effect::Class;
use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::placement;
use crate::revision::Revision;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "placement",
    receiver: Some("Namespace"),
    params: &[param("revision", Type::Noun("Revision"), "the revision that it is held against")],
    returns: "Placement",
    class: Some(Class::Read),
    summary: "Which revision the sidecars of each Deployment, StatefulSet and DaemonSet of the namespace are of.",
    doc: "By the annotation that the injector leaves in each pod, whatever the labels of the namespace say by now. Workloads whose pods have no sidecar are named and left out.",
    errors: &[&NO_DATA, &FORBIDDEN],
    permissions: descriptor::WORKLOADS,
    search: &["sidecar.istio.io/status", "version", "who is on"],
    examples: &[
        Example { world: "upgrade-half-done", script: r#"namespace().placement(revision("1-31"))"#, expect: Expect::Contains("2 of 4 workloads of summit on revision 1-31") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let placement = placement::gather(call.run(), &call.noun::<Revision>(0)?)?;
    saw(call, placement.text());
    Ok(Dynamic::from(placement))
}
