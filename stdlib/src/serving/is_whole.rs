//! `Serving.is_whole()`: whether nothing is wrong.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::serving::Serving;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_whole",
    receiver: Some("Serving"),
    returns: "bool",
    summary: "Whether the name and every service can be served.",
    errors: &[&NO_DATA],
    search: &["ready", "healthy"],
    examples: &[Example {
        world: "failover-secondary",
        script: r#"serving("shop.example.com", ["graph-core"], "istio-ingressgateway.istio-system").is_whole()"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Serving>()?.wrong()?.is_empty()))
}
