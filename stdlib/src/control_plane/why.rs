//! `ControlPlane.why()`: why nothing is known.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::ControlPlane;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("ControlPlane"),
    returns: "string",
    summary: "Why nothing could be seen; empty if something was.",
    search: &["no data", "reason"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().why()"#,
            expect: Expect::Value(""),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let why = call.receiver::<ControlPlane>()?.missing().map(ToString::to_string).unwrap_or_default();
    Ok(Dynamic::from(why))
}
