//! `Proxy.pod()`: the name of its pod.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::proxy::Proxy;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "pod",
    receiver: Some("Proxy"),
    returns: "string",
    summary: "The name of its pod.",
    search: &["name"],
    examples: &[Example {
        world: "breaker",
        script: r#"host("graph-core").proxies().first().pod()"#,
        expect: Expect::Contains("graph-core-"),
    }],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    Ok(Dynamic::from(call.receiver::<Proxy>()?.pod().to_owned()))
}
