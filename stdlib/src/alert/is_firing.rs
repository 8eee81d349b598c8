//! `Alert.is_firing()`: whether it has lasted as long as its rule demands.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alert::Alert;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_firing",
    receiver: Some("Alert"),
    returns: "bool",
    summary: "Whether it has lasted as long as its rule demands.",
    doc: "One that has not is pending.",
    search: &["state", "pending"],
    examples: &[
        Example { world: "alerts", script: r#"prom::alerts().any(|alert| alert.is_firing())"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Alert>()?;
    Ok(noun.is_firing().into())
}
