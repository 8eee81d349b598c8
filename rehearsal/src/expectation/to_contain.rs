//! `Expectation.to_contain(part)`: it has that in it.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::noun::a_type;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_stdlib::descriptor::{self, param};
use meshbook_stdlib::show;
use rhai::Dynamic;
use serde_json::Value;

use crate::expectation::{EXPECTATION, Expectation, disappointed, same};
use crate::stage::Stage;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "to_contain",
    receiver: Some("Expectation"),
    params: &[param("part", Type::Any, "a piece of the text, or an item of the array")],
    summary: "Fails the test unless the text has this piece, or the array this item.",
    errors: &[&EXPECTATION, &TYPE],
    search: &["substring", "item", "assert"],
    examples: &[
        Example { world: "healthy", script: r#"expect("no requests").to_contain("requests")"#, expect: Expect::Value("") },
        Example { world: "healthy", script: r#"expect([1, 2]).to_contain(2)"#, expect: Expect::Value("") },
        Example {
            world: "healthy",
            script: r#"expect([1, 2]).to_contain(3)"#,
            expect: Expect::Fails("meshbook::test::expectation"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    call.run().kept::<Stage>().expected();
    let (expectation, part) = (call.receiver::<Expectation>()?, show::json(&call.any(0)));
    let actual = show::json(expectation.actual());
    let has = match (&actual, &part) {
        (Value::Array(items), part) => items.iter().any(|item| same(item, part)),
        (Value::String(text), Value::String(part)) => text.contains(part.as_str()),
        _ => {
            let what = a_type(expectation.actual());
            return Err(Failure::new(&TYPE, format!("{what} contains nothing: `to_contain` takes a string with a piece of it, or an array with an item")));
        }
    };
    if has { Ok(Dynamic::UNIT) } else { Err(disappointed("expected to contain", &part, &actual)) }
}
