//! `Connections.are_connected()`: whether every proxy has an istiod.

use meshbook_runtime::engine::saw;
use meshbook_runtime::failure::{Failure, NO_DATA};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::control_plane::connection::Connections;
use crate::descriptor;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "are_connected",
    receiver: Some("Connections"),
    returns: "bool",
    summary: "Whether every proxy that answered is connected to an istiod.",
    doc: "Proxies that do not answer are named by `show` and do not count; if none answers, that is an error.",
    errors: &[&NO_DATA],
    search: &["synced", "reachable"],
    examples: &[
        Example {
            world: "healthy",
            script: r#"control_plane().proxies().are_connected()"#,
            expect: Expect::Value("true"),
        },
        Example {
            world: "control-plane-network-policy",
            script: r#"control_plane().proxies().are_connected()"#,
            expect: Expect::Value("false"),
        },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let connections = call.receiver::<Connections>()?;
    saw(call, connections.text());
    Ok(Dynamic::from(connections.are_connected()?))
}
