//! `Errors.rate()`: which part failed.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::errors::Errors;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "rate",
    receiver: Some("Errors"),
    returns: "float",
    summary: "Which part of the requests failed, from 0 to 1.",
    errors: &[&NO_DATA],
    search: &["error rate", "ratio"],
    examples: &[Example {
        world: "healthy",
        script: r#"host("graph-core").errors(over("1m")).rate()"#,
        expect: Expect::Value("0.0"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Errors>()?.counted()?.rate()))
}
