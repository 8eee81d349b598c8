//! `k8s::label(kind, name, labels)`: sets labels.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Names, Primitive, Type};
use rhai::Dynamic;
use serde_json::json;

use crate::descriptor::{self, param};
use crate::kubernetes::change;
use crate::object::convert::from_map;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::label",
    params: &[
        param("kind", Type::String, "kind, plural or short name, for example `deployment` or `dr`").naming(Names::Kind),
        param("name", Type::String, "`name`, or `namespace/name`").naming(descriptor::AN_OBJECT),
        param("labels", Type::Map, "the labels, as a map of strings"),
    ],
    returns: "Object",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Sets or removes labels of an object.",
    doc: "`()` removes one. Answers the object after it.",
    errors: &[&NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED, &TYPE],
    permissions: descriptor::PATCH_ANY,
    search: &["kubectl label", "metadata"],
    examples: &[Example {
        world: "healthy",
        script: r#"k8s::label("deployment", "front", #{ team: "shop" })"#,
        expect: Expect::Changes(&["Deployment summit/front: metadata.labels.team"]),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let labels = from_map(&call.map(2)?)?;
    let patch = json!({ "metadata": { "labels": labels } });
    Ok(Dynamic::from(change::patched(call.run(), &call.string(0)?, &call.string(1)?, &patch, "label")?))
}
