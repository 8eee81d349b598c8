//! `Health.is_missing()`: whether nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::health::Health;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Health"),
    returns: "bool",
    summary: "Whether no request of the workload was counted.",
    search: &["no data"],
    examples: &[
        Example { world: "upgrade-canary", script: r#"workload("store").health(over("2m")).is_missing()"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Health>()?.missing().is_some()))
}
