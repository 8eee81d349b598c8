//! `Indicator.is_beyond()`: whether one of its series is beyond the bound.

use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::indicator::Indicator;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_beyond",
    receiver: Some("Indicator"),
    returns: "bool",
    summary: "Whether one of its series is beyond the bound.",
    doc: "Without a bound none is. Without data that is an error.",
    errors: &[&NO_DATA],
    search: &["threshold", "verdict"],
    examples: &[
        Example { world: "healthy", script: r#"indicator("two", "", "vector(2)").at_most(1).is_beyond()"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"indicator("x", "", "no_such_metric").at_most(1).is_beyond()"#, expect: Expect::Fails("meshbook::data::missing") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let noun = call.receiver::<Indicator>()?;
    Ok(noun.is_beyond()?.into())
}
