//! `Proxy.side()`: on which side it stands.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::proxy::Proxy;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "side",
    receiver: Some("Proxy"),
    returns: "string",
    summary: "On which side of the requests it stands: `caller` or `server`.",
    doc: "A caller's proxy limits by its `outbound` clusters, a server's by its `inbound` one.",
    search: &["inbound", "outbound"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").proxies().first().side()"#,
        expect: Expect::Value("server"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Proxy>()?.side().to_string()))
}
