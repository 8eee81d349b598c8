//! `List.filter`.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::list::strict;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "filter",
    receiver: Some("List"),
    params: &[param("condition", Type::Closure, "gets each item, answers with true or false")],
    returns: "List",
    summary: "The items for which a condition holds.",
    doc: "The condition must answer with true or false.",
    errors: &[&TYPE],
    search: &["where", "select"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").proxies().filter(|proxy| proxy.side() == "caller").len()"#,
        expect: Expect::Value("0"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let list = call.receiver::<List>()?;
    let mut kept = Vec::new();
    for item in list.items() {
        if strict(call, item)? {
            kept.push(item.clone());
        }
    }
    Ok(Dynamic::from(list.only(kept)))
}
