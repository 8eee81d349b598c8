//! `Revision.is_missing()`: whether there is none.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::revision::Revision;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Revision"),
    returns: "bool",
    summary: "Whether there is no such revision, or nothing could be seen of it.",
    search: &["no data"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("1-31").is_missing()"#, expect: Expect::Value("false") },
        Example { world: "upgrade-dangling-tag", script: r#"revision("prod").is_missing()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Revision>()?.missing().is_some()))
}
