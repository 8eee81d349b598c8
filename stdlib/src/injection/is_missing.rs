//! `Injection.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::injection::Injection;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Injection"),
    returns: "bool",
    summary: "Whether it could not be tried what becomes of a new pod.",
    search: &["no data"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"namespace().injection().is_missing()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Injection>()?.missing().is_some()))
}
