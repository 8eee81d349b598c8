//! `List.contains`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::show;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "contains",
    receiver: Some("List"),
    params: &[param("item", Type::Any, "the value")],
    returns: "bool",
    summary: "Whether it contains a value.",
    doc: "Compared as `==` compares nouns: by what they are.",
    search: &["in", "has"],
    examples: &[Example {
        world: "breaker",
        script: r#"let proxies = host("graph-core").proxies(); proxies.contains(proxies.first())"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let wanted = show::json(&call.any(0));
    let list = call.receiver::<List>()?;
    Ok(Dynamic::from(
        list.items().iter().any(|item| show::json(item) == wanted && item.type_id() == call.any(0).type_id()),
    ))
}
