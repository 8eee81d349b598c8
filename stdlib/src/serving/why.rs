//! `Serving.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::serving::Serving;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Serving"),
    returns: "string",
    summary: "Why it could not be read; empty if it was.",
    search: &["no data", "reason"],
    examples: &[Example {
        world: "failover-secondary",
        script: r#"serving("shop.example.com", "graph-core", "istio-ingressgateway.istio-system").why()"#,
        expect: Expect::Value(""),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Serving>()?.missing().map_or_else(String::new, ToString::to_string)))
}
