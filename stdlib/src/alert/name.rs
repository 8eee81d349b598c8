//! `Alert.name()`: the name of its rule.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::alert::Alert;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "name",
    receiver: Some("Alert"),
    returns: "string",
    summary: "The name of its rule.",
    doc: "Label `alertname`.",
    search: &["alertname"],
    examples: &[
        Example { world: "alerts", script: r#"prom::alerts().filter(|alert| alert.is_firing()).first().name()"#, expect: Expect::Value("IstioHighErrorRate") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Alert>()?;
    Ok(noun.name().into())
}
