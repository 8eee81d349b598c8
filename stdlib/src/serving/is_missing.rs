//! `Serving.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::serving::Serving;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Serving"),
    returns: "bool",
    summary: "Whether it could not be read.",
    search: &["no data", "unreachable"],
    examples: &[Example {
        world: "failover-secondary",
        script: r#"serving("shop.example.com", "graph-core", "istio-ingressgateway.istio-system").is_missing()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Serving>()?.missing().is_some()))
}
