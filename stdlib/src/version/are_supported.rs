//! `Versions.are_supported()`: whether they stand together.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::version::Versions;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "are_supported",
    receiver: Some("Versions"),
    returns: "bool",
    summary: "Whether Istio supports these versions together.",
    doc: "What no published rule speaks of is shown and does not count against them.",
    errors: &[&NO_DATA],
    search: &["skew", "supported"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"versions().are_supported()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Versions>()?.problems()?.is_empty()))
}
