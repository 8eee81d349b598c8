//! `Rule.host()`: for which host it was looked up.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::rule::Rule;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "host",
    receiver: Some("Rule"),
    returns: "Host",
    summary: "The host that the rule was looked up for.",
    search: &["service"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").rules().first().host()"#,
        expect: Expect::Value("graph-core.summit"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Rule>()?.host().clone()))
}
