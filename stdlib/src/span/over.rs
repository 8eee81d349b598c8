//! `over(duration)`: a span of time.

use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};

use crate::descriptor::{self, param};
use rhai::Dynamic;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "over",
    params: &[param("duration", Type::Duration, "how long, for example `\"30s\"`")],
    returns: "Duration",
    summary: "A span of time that ends now.",
    doc: "Written as in Prometheus: `500ms`, `30s`, `1m30s`, `2h`. Never a bare number.",
    errors: &[&TYPE],
    search: &["duration", "span", "window"],
    examples: &[
        Example { world: "healthy", script: r#"over("90s")"#, expect: Expect::Value("1m30s") },
        Example { world: "healthy", script: r#"over("90")"#, expect: Expect::Fails("meshbook::script::type") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.span(0)?))
}
