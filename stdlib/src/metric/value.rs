//! `Metric.value()`: its number.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::metric::Metric;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "value",
    receiver: Some("Metric"),
    returns: "float",
    summary: "Its number.",
    doc: "In the unit of the query. A metric that is missing has none: that is an error.",
    errors: &[&NO_DATA],
    search: &["number", "float"],
    examples: &[
        Example { world: "healthy", script: r#"prom::query("vector(2)").value()"#, expect: Expect::Value("2.0") },
        Example {
            world: "healthy",
            script: r#"prom::query("no_such_metric").value()"#,
            expect: Expect::Fails("meshbook::data::missing"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Metric>()?.value()?))
}
