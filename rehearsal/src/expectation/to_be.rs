//! `Expectation.to_be(value)`: it is that.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_stdlib::descriptor::{self, param};
use meshbook_stdlib::show;
use rhai::Dynamic;

use crate::expectation::{EXPECTATION, Expectation, disappointed, same};
use crate::stage::Stage;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "to_be",
    receiver: Some("Expectation"),
    params: &[param("expected", Type::Any, "what there should be; a value of the mesh is compared by its JSON form")],
    summary: "Fails the test unless the value is this.",
    errors: &[&EXPECTATION],
    search: &["equal", "assert"],
    examples: &[
        Example { world: "healthy", script: r#"expect([1, "a"]).to_be([1.0, "a"])"#, expect: Expect::Value("") },
        Example {
            world: "healthy",
            script: r#"expect("found").to_be("fixed")"#,
            expect: Expect::Fails("meshbook::test::expectation"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    call.run().kept::<Stage>().expected();
    let (actual, expected) = (show::json(call.receiver::<Expectation>()?.actual()), show::json(&call.any(0)));
    if same(&actual, &expected) { Ok(Dynamic::UNIT) } else { Err(disappointed("expected", &expected, &actual)) }
}
