//! `Versions.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::version::Versions;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Versions"),
    returns: "bool",
    summary: "Whether the versions could not be read.",
    search: &["no data"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"versions().is_missing()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Versions>()?.missing().is_some()))
}
