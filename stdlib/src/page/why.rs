//! `Page.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::page::Page;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Page"),
    returns: "string",
    summary: "Why the page has nothing; empty if it has something.",
    search: &["no data", "reason"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("legacy").memory().why()"#, expect: Expect::Contains("has no proxy") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let page = call.receiver::<Page>()?;
    Ok(Dynamic::from(page.missing().map(ToString::to_string).unwrap_or_default()))
}
