//! `k8s::patch(kind, name, patch)`: changes fields of an object.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, REJECTED, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::kubernetes::change;
use crate::object::convert::from_map;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::patch",
    params: &[
        param("kind", Type::String, "kind, plural or short name, for example `deployment` or `dr`").naming(Names::Kind),
        param("name", Type::String, "`name`, or `namespace/name`").naming(descriptor::AN_OBJECT),
        param("patch", Type::Map, "the fields, as a map"),
    ],
    returns: "Object",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Changes fields of an object by a merge patch (RFC 7396).",
    doc: "Fields that the patch does not name stay as they are; `()` removes one; a list is replaced as a whole. Answers the object after it.",
    errors: &[&NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED, &TYPE],
    permissions: descriptor::PATCH_ANY,
    search: &["kubectl patch", "edit"],
    examples: &[Example {
        world: "healthy",
        script: r#"k8s::patch("destinationrule", "graph-core", #{ spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ maxConnections: 200 } } } } })"#,
        expect: Expect::Changes(&[
            "DestinationRule summit/graph-core: spec.trafficPolicy.connectionPool.tcp.maxConnections",
        ]),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let patch = from_map(&call.map(2)?)?;
    let object = change::patched(call.run(), &call.string(0)?, &call.string(1)?, &patch, "patch")?;
    Ok(Dynamic::from(object))
}
