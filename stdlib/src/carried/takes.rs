//! `Walk.takes(route)`: whether every proxy sends the request by this route.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::carried::walk::Walk;
use crate::descriptor::{self, param};

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "takes",
    receiver: Some("Walk"),
    params: &[param("route", Type::String, "the name of the route in the VirtualService")],
    returns: "bool",
    summary: "Whether the request takes the route of this name in every proxy.",
    search: &["route", "proof"],
    examples: &[
        Example { world: "healthy", script: r#"let host = host("graph-core"); host.carried(host.callers()).walk().takes("default")"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"let host = host("graph-core"); host.carried(host.callers()).walk().takes("canary")"#, expect: Expect::Value("false") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Walk>()?.takes(&call.string(0)?)))
}
