//! `show(any)`: puts a value on the screen and into the record.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};

use crate::descriptor::{self, param};
use crate::show;
use rhai::Dynamic;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "show",
    params: &[param(
        "value",
        Type::Any,
        "what to show: a noun as its table, a map or a list as JSON, anything else as its text",
    )],
    summary: "Puts a value on the screen and into the record.",
    doc: "Looks at nothing anew: it shows what the value already holds.",
    search: &["print", "table", "report"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"let refusals = host("graph-core").refusals(over("30s")); show(refusals); refusals.is_none()"#,
            expect: Expect::Value("false"),
        },
        Example { world: "healthy", script: r#"show(#{ a: 1 }); "shown""#, expect: Expect::Value("shown") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let value = call.any(0);
    call.run().show(show::table(&value), show::json(&value));
    Ok(Dynamic::UNIT)
}
