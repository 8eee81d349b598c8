//! `List.len`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "len",
    receiver: Some("List"),
    returns: "int",
    summary: "How many items it has.",
    search: &["count", "size"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").proxies().len()"#,
        expect: Expect::Value("6"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(i64::try_from(call.receiver::<List>()?.items().len()).unwrap_or(i64::MAX)))
}
