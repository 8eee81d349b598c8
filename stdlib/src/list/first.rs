//! `List.first`.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::List;
use rhai::Dynamic;

use crate::code::EMPTY;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "first",
    receiver: Some("List"),
    returns: "any",
    summary: "Its first item.",
    doc: "A list without items has none: that is an error.",
    errors: &[&EMPTY],
    search: &["head", "one"],
    examples: &[
        Example {
            world: "breaker",
            script: r#"host("graph-core").proxies().first().side()"#,
            expect: Expect::Value("server"),
        },
        Example {
            world: "no-healthy-upstream",
            script: r#"host("graph-core").proxies().first()"#,
            expect: Expect::Fails("meshbook::selection::empty"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let list = call.receiver::<List>()?;
    list.items().first().cloned().ok_or_else(|| {
        Failure::new(&EMPTY, format!("a list of {} has no first item: it is empty", list.noun().name))
            .hint("ask `is_empty()` first")
    })
}
