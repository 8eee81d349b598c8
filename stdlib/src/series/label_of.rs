//! `Series.label(name)`: a label.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::series::Series;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "label",
    receiver: Some("Series"),
    params: &[param("name", Type::String, "the label").naming(Names::Label)],
    returns: "string",
    summary: "A label of the series; empty if it has none.",
    search: &["labels"],
    examples: &[
        Example { world: "healthy", script: r#"prom::range("sum by (reporter) (rate(istio_requests_total[1m]))", over("2m")).first().label("reporter")"#, expect: Expect::Value("destination") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Series>()?;
    Ok(noun.label(&call.string(0)?).into())
}
