//! `expect(value)`: begins an expectation.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_stdlib::descriptor::{self, param};
use rhai::Dynamic;

use crate::expectation::Expectation;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "expect",
    params: &[param("actual", Type::Any, "what there is")],
    returns: "Expectation",
    summary: "Begins an expectation: `expect(run.ending()).to_be(\"fixed\")`.",
    search: &["assert", "test"],
    examples: &[Example {
        world: "healthy",
        script: r#"expect("fixed")"#,
        expect: Expect::Value("expectation about fixed"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(Expectation::new(call.any(0))))
}
