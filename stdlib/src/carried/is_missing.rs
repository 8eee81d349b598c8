//! `Carried.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::carried::Carried;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Carried"),
    returns: "bool",
    summary: "Whether nothing is known, because a proxy did not answer or there is none.",
    search: &["no data"],
    examples: &[Example { world: "healthy", script: r#"let host = host("graph-core"); host.carried(host.callers()).is_missing()"#, expect: Expect::Value("false") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Carried>()?.missing().is_some()))
}
