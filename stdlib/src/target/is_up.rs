//! `Target.is_up()`: whether its last scrape was answered.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::target::Target;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_up",
    receiver: Some("Target"),
    returns: "bool",
    summary: "Whether its last scrape was answered.",
    search: &["health", "scrape"],
    examples: &[
        Example { world: "control-plane-crash-loop", script: r#"prom::targets().filter(|target| target.label("app") == "istiod").any(|target| target.is_up())"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Target>()?;
    Ok(noun.is_up().into())
}
