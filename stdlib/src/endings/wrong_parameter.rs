//! `wrong_parameter(name, why)`: refuses the value of a parameter.

use meshbook_runtime::failure::{Failure, PARAM};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::text::first_line;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "wrong_parameter",
    params: &[
        param("name", Type::String, "the parameter"),
        param("why", Type::String, "what its value has to be, such as `must be 100 to 599`"),
    ],
    summary: "Refuses the value of a parameter: its type fits, and it makes no sense.",
    doc: "Exit code 2, as for a value of another type. Call it before the first step that asks the cluster, so that a slip costs nothing. Changes that were not proved are taken back first.",
    errors: &[&PARAM],
    search: &["parameter", "validate", "assert", "range", "argument"],
    examples: &[Example {
        world: "healthy",
        script: r#"let status = 9999; if status > 599 { wrong_parameter("status", "must be 100 to 599") }"#,
        expect: Expect::Fails("meshbook::param"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (name, why) = (call.string(0)?, call.string(1)?);
    Err(Failure::new(&PARAM, format!("parameter `{}`: it {}", first_line(&name), first_line(&why)))
        .unchanged("nothing was changed")
        .hint(format!("give another value: `{}=…`; `meshbook describe FILE` says what it is for", first_line(&name))))
}
