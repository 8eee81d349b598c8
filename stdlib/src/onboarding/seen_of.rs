//! `Onboarding.seen(item)`: what was seen of an item of the checklist.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::onboarding::gather::unknown;
use crate::onboarding::{ITEMS, Onboarding};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "seen",
    receiver: Some("Onboarding"),
    params: &[param("item", Type::String, "as `lacks` takes it").naming(Names::OneOf(&ITEMS))],
    returns: "string",
    summary: "What was seen of this item.",
    errors: &[&NO_DATA],
    search: &["why", "checklist"],
    examples: &[Example { world: "healthy", script: r#"host("graph-core").onboarding().seen("injection")"#, expect: Expect::Value("istio-injection=enabled") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (onboarding, what) = (call.receiver::<Onboarding>()?, call.string(0)?);
    onboarding.lacks(&what).ok_or_else(|| unknown(&what))?;
    Ok(Dynamic::from(onboarding.seen(&what).to_owned()))
}
