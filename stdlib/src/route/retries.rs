//! `Route.retries()`: how often a request is tried again.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::route::Route;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "retries",
    receiver: Some("Route"),
    returns: "int",
    summary: "How often a request is tried again after its first attempt.",
    doc: "Two where nothing is set, which is Istio's default.",
    search: &["attempts", "retry policy"],
    examples: &[
        Example { world: "healthy", script: r#"host("graph-core").route().retries()"#, expect: Expect::Value("3") },
        Example { world: "healthy", script: r#"host("catalog").route().retries()"#, expect: Expect::Value("2") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(i64::from(call.receiver::<Route>()?.policy().retries)))
}
