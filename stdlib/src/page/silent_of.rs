//! `Page.silent()`: who did not answer.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::{Array, Dynamic};

use crate::descriptor;
use crate::page::Page;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "silent",
    receiver: Some("Page"),
    returns: "array",
    summary: "The proxies or istiods that did not answer, each with the reason, as strings.",
    search: &["unreachable", "timeout"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").clusters("graph-core").silent().len()"#, expect: Expect::Value("0") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let page = call.receiver::<Page>()?;
    Ok(Dynamic::from(page.silent().iter().cloned().map(Dynamic::from).collect::<Array>()))
}
