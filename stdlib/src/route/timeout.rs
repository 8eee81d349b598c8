//! `Route.timeout()`: what a request may take.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use meshbook_runtime::value::Span;
use rhai::Dynamic;

use crate::descriptor;
use crate::route::Route;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "timeout",
    receiver: Some("Route"),
    returns: "any",
    summary: "What a request may take with all its attempts, as a Duration; `()` if there is no limit.",
    doc: "Istio sets none by default.",
    search: &["deadline", "504", "UT"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").route().timeout()"#, expect: Expect::Value("10s") },
        Example { world: "healthy", script: r#"host("catalog").route().timeout() == ()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(call.receiver::<Route>()?.policy().timeout.map_or(Dynamic::UNIT, |timeout| Dynamic::from(Span(timeout))))
}
