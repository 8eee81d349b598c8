//! `Onboarding.lacks(item)`: whether an item of the checklist is not there.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::onboarding::gather::unknown;
use crate::onboarding::{ITEMS, Onboarding};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "lacks",
    receiver: Some("Onboarding"),
    params: &[param(
        "item",
        Type::String,
        "injection, sidecar, probes, destination rule, virtual service, metrics or traces",
    )
    .naming(Names::OneOf(&ITEMS))],
    returns: "bool",
    summary: "Whether this item is not there, or cannot be told.",
    errors: &[&NO_DATA],
    search: &["missing", "checklist"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"host("graph-core").onboarding().lacks("sidecar")"#,
            expect: Expect::Value("false"),
        },
        Example {
            world: "healthy",
            script: r#"host("graph-core").onboarding().lacks("luck")"#,
            expect: Expect::Fails("meshbook::data::missing"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (onboarding, what) = (call.receiver::<Onboarding>()?, call.string(0)?);
    onboarding.lacks(&what).map(Dynamic::from).ok_or_else(|| unknown(&what))
}
