//! `Rule.limits()`: what it lets through.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::rule::Rule;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "limits",
    receiver: Some("Rule"),
    returns: "Limits",
    summary: "The narrowest limits of the rule, at the places in it that matter, as they were when it was read.",
    search: &["connectionPool", "thresholds"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").rules().first().limits()"#,
        expect: Expect::Value("connections 4, pending 2, requests 4"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Rule>()?.tightest()))
}
