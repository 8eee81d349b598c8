//! `Dependents.is_empty()`: whether there is nobody.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::dependents::Dependents;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_empty",
    receiver: Some("Dependents"),
    returns: "bool",
    summary: "Whether nobody depends on the revision.",
    errors: &[&NO_DATA],
    search: &["unused"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"revision("default").dependents().is_empty()"#, expect: Expect::Value("false") },
        Example { world: "upgrade-moved", script: r#"revision("default").dependents().is_empty()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Dependents>()?.is_empty()?))
}
