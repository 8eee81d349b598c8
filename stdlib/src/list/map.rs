//! `List.map`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use meshbook_runtime::value::List;
use rhai::{Array, Dynamic};

use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "map",
    receiver: Some("List"),
    params: &[param("closure", Type::Closure, "gets each item")],
    returns: "array",
    summary: "What a closure makes of each item.",
    search: &["each", "transform"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").proxies().map(|proxy| proxy.side())[0]"#,
        expect: Expect::Value("server"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let items = call.receiver::<List>()?;
    let mapped = items.items().iter().map(|item| call.call(0, (item.clone(),))).collect::<Result<Array, _>>()?;
    Ok(Dynamic::from(mapped))
}
