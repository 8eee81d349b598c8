//! `Object.raw()`: the object as a map.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::object::Object;
use crate::object::convert::to_script;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "raw",
    receiver: Some("Object"),
    returns: "map",
    summary: "The whole object as a map.",
    doc: "As the API server wrote it; fields that are absent are absent.",
    search: &["json", "yaml", "map"],
    examples: &[Example {
        world: "healthy",
        script: r#"k8s::get("service", "graph-core").raw().spec.ports[0].port"#,
        expect: Expect::Value("8080"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(to_script(call.receiver::<Object>()?.value()))
}
