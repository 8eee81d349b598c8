//! `ControlPlane.correct_selector()`: sets the selector of istiod's Service right.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::{CONFLICT, DENIED, FORBIDDEN, Failure, NOT_FOUND, NO_DATA, REJECTED};
use meshbook_runtime::primitive::{Example, Expect, Inverse, Invocation, Primitive};
use rhai::Dynamic;

use crate::code::CONTROL_PLANE_AMBIGUOUS;
use crate::control_plane::{ControlPlane, cure};
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "correct_selector",
    receiver: Some("ControlPlane"),
    returns: "bool",
    class: Some(Class::Change),
    inverse: Some(Inverse::PreImage),
    summary: "Makes the Service of istiod select its own istiods; answers whether anything had to be changed.",
    doc: "Only where `can_correct_selector()` holds. The Service is designated by what was seen, so it may lie outside of the run's namespace; it still has to be approved.",
    errors: &[&CONTROL_PLANE_AMBIGUOUS, &NO_DATA, &NOT_FOUND, &FORBIDDEN, &CONFLICT, &REJECTED, &DENIED],
    permissions: descriptor::CHANGE_ISTIOD_SERVICE,
    search: &["selector", "Service", "endpoints"],
    examples: &[
        Example {
            world: "control-plane-wrong-selector",
            script: r#"control_plane().correct_selector()"#,
            expect: Expect::Changes(&["Service istio-system/istiod: spec.selector.istio"]),
        },
        Example {
            world: "healthy",
            script: r#"control_plane().correct_selector()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(cure::correct_selector(call.run(), &call.receiver::<ControlPlane>()?)?))
}
