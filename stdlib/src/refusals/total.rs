//! `Refusals.total()`: how many requests were refused.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::refusals::Refusals;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "total",
    receiver: Some("Refusals"),
    returns: "float",
    summary: "How many requests were refused in the span, by all proxies.",
    errors: &[&NO_DATA],
    search: &["count", "sum"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").refusals(over("30s")).total() > 0.0"#,
        expect: Expect::Value("true"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Refusals>()?.total()?))
}
