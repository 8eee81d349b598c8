//! `Dependents.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::dependents::Dependents;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Dependents"),
    returns: "bool",
    summary: "Whether it is not known who depends on the revision, because an istiod did not answer.",
    search: &["no data"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("default").dependents().is_missing()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Dependents>()?.missing().is_some()))
}
