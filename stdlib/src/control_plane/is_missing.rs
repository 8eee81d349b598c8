//! `ControlPlane.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::{Failure};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::ControlPlane;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("ControlPlane"),
    returns: "bool",
    summary: "Whether nothing could be seen of the control plane.",
    search: &["no data"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().is_missing()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<ControlPlane>()?.missing().is_some()))
}
