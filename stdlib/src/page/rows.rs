//! `Page.rows()`: its rows as maps.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::{Array, Dynamic};

use crate::descriptor;
use crate::object::convert::to_script;
use crate::page::Page;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "rows",
    receiver: Some("Page"),
    returns: "array",
    summary: "The rows as maps: a field for each thing that the page says, and `proxy` or `istiod`, the pod that said it.",
    errors: &[&NO_DATA],
    search: &["fields", "map"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").clusters("graph-core").rows()[0].direction"#, expect: Expect::Value("outbound") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let page = call.receiver::<Page>()?;
    Ok(Dynamic::from(page.rows()?.iter().map(to_script).collect::<Array>()))
}
