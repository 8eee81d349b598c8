//! `List.is_empty`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_empty",
    receiver: Some("List"),
    returns: "bool",
    summary: "Whether it has no items.",
    search: &["none"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").proxies().is_empty()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<List>()?.items().is_empty()))
}
