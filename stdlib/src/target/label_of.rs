//! `Target.label(name)`: a label.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::target::Target;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "label",
    receiver: Some("Target"),
    params: &[param("name", Type::String, "the label")],
    returns: "string",
    summary: "A label of the target; empty if it has none.",
    doc: "As Prometheus has it after relabelling.",
    search: &["labels"],
    examples: &[
        Example { world: "healthy", script: r#"prom::targets().filter(|target| target.label("app") == "istiod").first().label("namespace")"#, expect: Expect::Value("istio-system") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Target>()?;
    Ok(noun.label(&call.string(0)?).into())
}
