//! `Connections.is_missing()`: whether nobody answered.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::connection::Connections;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "is_missing",
    receiver: Some("Connections"),
    returns: "bool",
    summary: "Whether neither an istiod nor any proxy has said anything about its connection.",
    search: &["no data"],
    examples: &[Example {
        world: "healthy",
        script: r#"control_plane().proxies().is_missing()"#,
        expect: Expect::Value("false"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Connections>()?.missing().is_some()))
}
