//! `Indicator.at_most(bound)`: the same with a bound.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, param};
use crate::indicator::{Bound, Indicator};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "at_most",
    receiver: Some("Indicator"),
    params: &[param("bound", Type::Any, "no more than this")],
    returns: "Indicator",
    summary: "The same, and no series of it may be more than this.",
    doc: "A duration for seconds, a quantity or a number for bytes, else a number; 0.01 is 1 %.",
    errors: &[&TYPE],
    search: &["bound", "threshold"],
    examples: &[
        Example { world: "healthy", script: r#"indicator("two", "", "vector(2)").at_most(2).is_beyond()"#, expect: Expect::Value("false") },
        Example { world: "healthy", script: r#"indicator("two", "", "vector(2)").at_most("x")"#, expect: Expect::Fails("meshbook::script::type") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Indicator>()?.bounded(&call.any(0), Bound::AtMost)?))
}
