//! `Causes.first()`: the gravest cause.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::causes::Causes;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "first",
    receiver: Some("Causes"),
    returns: "string",
    summary: "The gravest cause, in its fixed words; `()` if nothing is wrong.",
    errors: &[&NO_DATA],
    search: &["cause", "gravest"],
    examples: &[
        Example {
            world: "control-plane-wrong-selector",
            script: r#"control_plane().causes().first()"#,
            expect: Expect::Value("istiod Service selects nothing"),
        },
        Example {
            world: "healthy",
            script: r#"control_plane().causes().first() == ()"#,
            expect: Expect::Value("true"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let causes = call.receiver::<Causes>()?;
    Ok(causes.found()?.first().map_or(Dynamic::UNIT, |one| Dynamic::from(one.cause)))
}
