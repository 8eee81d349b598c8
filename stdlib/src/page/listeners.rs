//! `Proxies.listeners(name)`: the listeners of the proxies, with each filter chain.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive};
use rhai::Dynamic;

use crate::descriptor;
use crate::envoy::admin;
use crate::page::gather::{NAME, by_name};
use crate::page::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "listeners",
    receiver: Some("Proxies"),
    params: NAME,
    returns: "Page",
    class: Some(Class::Read),
    summary: "The listeners of the proxies, with each filter chain: what it matches and where it leads.",
    doc: "From `/config_dump?mask=dynamic_listeners,static_listeners`. Each row has `name`, `address`, `port` (int), `match`, `destination`, `refused` (why the newest update was refused, or `()`), `proxy`.",
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config listener", "LDS", "filter chain"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").listeners("0.0.0.0_8080").rows()[0].destination"#, expect: Expect::Value("Route: 8080") },
        Example { world: "healthy", script: r#"proxies("front").listeners("virtualOutbound").rows().len() > 0"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let page = |namespace: &str, pod: &str, name: &str| admin::part(namespace, pod, "listeners", &["dynamic_listeners", "static_listeners"], name);
    Ok(Dynamic::from(by_name(call, "listeners", read::LISTENERS, &page, &read::listeners)?))
}
