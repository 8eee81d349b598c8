//! `Refusals.is_none()`: whether nothing was refused.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::refusals::Refusals;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_none",
    receiver: Some("Refusals"),
    returns: "bool",
    summary: "Whether nothing was refused.",
    doc: "Data that are missing are an error: that nobody refuses can only be said when nobody was overlooked.",
    errors: &[&NO_DATA],
    search: &["zero", "healthy"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("graph-core").refusals(over("30s")).is_none()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "breaker-inbound",
            script: r#"host("graph-core").refusals(over("30s")).is_none()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Refusals>()?.total()? == 0.0))
}
