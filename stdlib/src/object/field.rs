//! `Object.field(path)`: one field.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::code::FIELD;
use crate::descriptor::{self, param};
use crate::object::Object;
use crate::object::convert::to_script;
use crate::object::path::{follow, parse};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "field",
    receiver: Some("Object"),
    params: &[param("path", Type::String, "the path")],
    returns: "any",
    summary: "One field by its path; `()` if it is absent.",
    doc: "`spec.subsets[v1].trafficPolicy`, `spec.ports[0].port`, `metadata.annotations[\"a.b/c\"]`.",
    errors: &[&FIELD],
    search: &["path", "jsonpath"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"k8s::get("service", "graph-core").field("spec.ports[0].port")"#,
            expect: Expect::Value("8080"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::get("service", "graph-core").field("spec.none") == ()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"k8s::get("service", "graph-core").field("a..b")"#,
            expect: Expect::Fails("meshbook::object::field"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let steps = parse(&call.string(0)?).map_err(|why| Failure::new(&FIELD, why))?;
    Ok(follow(call.receiver::<Object>()?.value(), &steps).map_or(Dynamic::UNIT, to_script))
}
