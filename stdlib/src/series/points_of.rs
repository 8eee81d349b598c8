//! `Series.points()`: how many points it has.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::series::Series;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "points",
    receiver: Some("Series"),
    returns: "int",
    summary: "How many points it has.",
    doc: "Gaps are not among them.",
    search: &["length", "count"],
    examples: &[
        Example { world: "healthy", script: r#"prom::range("vector(3)", over("1m"), over("30s")).first().points()"#, expect: Expect::Value("3") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Series>()?;
    Ok(i64::try_from(noun.points()).unwrap_or(i64::MAX).into())
}
