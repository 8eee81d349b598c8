//! `k8s::get(kind, name)`: one object.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::kubernetes::read;
use crate::object::Object;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "k8s::get",
    params: &[
        param("kind", Type::String, "kind, plural or short name, for example `deployment` or `dr`").naming(Names::Kind),
        param("name", Type::String, "`name`, or `namespace/name`").naming(descriptor::AN_OBJECT),
    ],
    returns: "Object",
    class: Some(Class::Read),
    summary: "Reads one object of any kind.",
    errors: &[&NOT_FOUND, &FORBIDDEN],
    permissions: descriptor::GET_ANY,
    search: &["kubectl get", "object"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"k8s::get("destinationrule", "graph-core").field("spec.host")"#,
            expect: Expect::Value("graph-core.summit.svc.cluster.local"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::get("service", "none")"#,
            expect: Expect::Fails("meshbook::cluster::not_found"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let kind = read::kind(call.run(), &call.string(0)?)?;
    let reference = read::object(kind, call.run().namespace(), &call.string(1)?);
    let value = read::get(call.run(), &reference)?;
    Ok(Dynamic::from(Object::new(reference, value)))
}
