//! `Causes.is_missing()`: whether nothing can be told.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::causes::Causes;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Causes"),
    returns: "bool",
    summary: "Whether it cannot be told what is wrong.",
    search: &["no data"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().causes().is_missing()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Causes>()?.missing().is_some()))
}
