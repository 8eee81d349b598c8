//! `Page.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::page::Page;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Page"),
    returns: "bool",
    summary: "Whether the page has nothing: none that could be asked, none that answered, or none of what was asked for.",
    search: &["no data"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").clusters("graph-core").is_missing()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let page = call.receiver::<Page>()?;
    Ok(Dynamic::from(page.missing().is_some()))
}
