//! `Restoration.is_empty()`: whether nothing differs.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::backup::restoration::Restoration;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_empty",
    receiver: Some("Restoration"),
    returns: "bool",
    summary: "Whether every object of the backup is there as it has it.",
    search: &["equal", "done"],
    examples: &[Example {
        world: "healthy",
        script: r#"backup().restoration().is_empty()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Restoration>()?.is_empty()))
}
