//! `Outstanding.is_empty()`: whether nothing is outstanding.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::manifest::outstanding::Outstanding;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_empty",
    receiver: Some("Outstanding"),
    returns: "bool",
    summary: "Whether every object of the manifest was there as it was rendered, and worked.",
    search: &["installed", "done"],
    examples: &[Example {
        world: "install-empty",
        script: r#"istio_manifest("1.31.0").outstanding().is_empty()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Outstanding>()?.is_empty()))
}
