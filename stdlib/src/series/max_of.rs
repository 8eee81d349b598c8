//! `Series.max()`: its largest point.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::series::Series;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "max",
    receiver: Some("Series"),
    returns: "Metric",
    summary: "Its largest point.",
    doc: "Points that are NaN do not count.",
    search: &["peak", "largest"],
    examples: &[
        Example { world: "healthy", script: r#"prom::range("vector(3)", over("2m")).first().max() == 3"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Series>()?;
    Ok(Dynamic::from(noun.max()))
}
