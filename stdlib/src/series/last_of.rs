//! `Series.last()`: its newest point.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::series::Series;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "last",
    receiver: Some("Series"),
    returns: "Metric",
    summary: "Its newest point.",
    doc: "NaN is missing.",
    search: &["now", "newest"],
    examples: &[
        Example { world: "healthy", script: r#"prom::range("vector(3)", over("2m")).first().last() > 2"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Series>()?;
    Ok(Dynamic::from(noun.last()))
}
