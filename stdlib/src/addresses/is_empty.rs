//! `Addresses.is_empty()`: whether there are none.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::addresses::Addresses;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_empty",
    receiver: Some("Addresses"),
    returns: "bool",
    summary: "Whether there are none.",
    errors: &[&NO_DATA],
    search: &["pending", "none"],
    examples: &[Example {
        world: "failover-primary",
        script: r#"addresses("istio-ingressgateway.istio-system").is_empty()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Addresses>()?.known()?.is_empty()))
}
