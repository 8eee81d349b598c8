//! `Causes.is_empty()`: whether nothing is wrong.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::causes::Causes;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_empty",
    receiver: Some("Causes"),
    returns: "bool",
    summary: "Whether nothing is wrong, as far as the diagnosis looks.",
    doc: "If it cannot be told, that is an error and not a yes.",
    errors: &[&NO_DATA],
    search: &["healthy", "none"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().causes().is_empty()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "control-plane-wrong-selector",
            script: r#"control_plane().causes().is_empty()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let causes = call.receiver::<Causes>()?;
    saw(call, causes.text());
    Ok(Dynamic::from(causes.found()?.is_empty()))
}
