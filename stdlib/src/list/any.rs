//! `List.any`.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::list::strict;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "any",
    receiver: Some("List"),
    params: &[param("condition", Type::Closure, "gets each item, answers with true or false")],
    returns: "bool",
    summary: "Whether a condition holds for some item.",
    doc: "Of no items it does not hold. The condition must answer with true or false.",
    errors: &[&TYPE],
    search: &["some", "exists"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").proxies().any(|proxy| proxy.side() == "caller")"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    for item in call.receiver::<List>()?.items() {
        if strict(call, item)? {
            return Ok(Dynamic::from(true));
        }
    }
    Ok(Dynamic::from(false))
}
