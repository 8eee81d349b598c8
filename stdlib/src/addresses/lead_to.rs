//! `Addresses.lead_to(others)`: whether they lead nowhere else.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::addresses::Addresses;
use crate::descriptor::{self, param};
use meshbook_runtime::engine::saw;
use meshbook_runtime::noun::Noun;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "lead_to",
    receiver: Some("Addresses"),
    params: &[param("others", Type::Noun("Addresses"), "where they shall lead")],
    returns: "bool",
    summary: "Whether there are some, and each is one of the others.",
    doc: "A name that leads to the old and the new address is half moved: no.",
    errors: &[&NO_DATA],
    search: &["same", "moved", "DNS"],
    examples: &[Example {
        world: "failover-primary",
        script: r#"lookup("shop.example.com").lead_to(addresses("istio-ingressgateway.istio-system"))"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (own, others) = (call.receiver::<Addresses>()?, call.noun::<Addresses>(0)?);
    saw(call, format!("{} leads to {}", own.of(), own.text()));
    let (own, others) = (own.known()?, others.known()?);
    Ok(Dynamic::from(!own.is_empty() && own.is_subset(others)))
}
