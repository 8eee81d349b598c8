//! `ControlPlane.can_correct_selector()`: whether it is plain what istiod's Service should select.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::{ControlPlane, cure};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "can_correct_selector",
    receiver: Some("ControlPlane"),
    returns: "bool",
    summary: "Whether a Service of istiod selects nothing, and it is plain what it should select.",
    doc: "It is, if its revision has a ready istiod, all istiods of the revision carry the same values of the labels that it selects by, and no other pod would be selected.",
    errors: &[&NO_DATA],
    search: &["selector", "labels"],
    examples: &[
        Example {
            world: "control-plane-wrong-selector",
            script: r#"control_plane().can_correct_selector()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "healthy",
            script: r#"control_plane().can_correct_selector()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(cure::can_correct(call.receiver::<ControlPlane>()?.seen()?)))
}
