//! `Connections.why()`: why nothing is known.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::connection::Connections;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "why",
    receiver: Some("Connections"),
    returns: "string",
    summary: "Why nothing is known of the connections; empty if something is.",
    search: &["no data", "reason"],
    examples: &[Example { world: "healthy", script: r#"control_plane().proxies().why()"#, expect: Expect::Value("") }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Connections>()?.missing().map(|missing| missing.to_string()).unwrap_or_default()))
}
