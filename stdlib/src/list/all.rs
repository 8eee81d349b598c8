//! `List.all`.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::list::strict;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "all",
    receiver: Some("List"),
    params: &[param("condition", Type::Closure, "gets each item, answers with true or false")],
    returns: "bool",
    summary: "Whether a condition holds for every item.",
    doc: "Of no items it holds. The condition must answer with true or false. Stops at the first item for which it does not hold.",
    errors: &[&TYPE],
    search: &["every", "forall"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"host("graph-core").proxies().all(|proxy| proxy.side() == "server")"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "breaker",
            script: r#"host("graph-core").proxies().all(|proxy| 1)"#,
            expect: Expect::Fails("meshbook::script::type"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    for item in call.receiver::<List>()?.items() {
        if !strict(call, item)? {
            return Ok(Dynamic::from(false));
        }
    }
    Ok(Dynamic::from(true))
}
