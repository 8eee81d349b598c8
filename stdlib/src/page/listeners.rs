//! `Proxies.listeners(name)`: the listeners of the proxies, with each filter chain.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Primitive, Type};
use rhai::Dynamic;

use crate::descriptor::{self, optional};
use crate::envoy::admin;
use crate::proxies::Proxies;
use crate::page::gather::{Ask, gather};
use crate::page::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "listeners",
    receiver: Some("Proxies"),
    params: &[optional("name", Type::String, "\"\"", "a part of their names, taken as it is; all if empty")],
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
    let (run, proxies) = (call.run(), call.receiver::<Proxies>()?);
    let name = if call.given(0) { call.string(0)? } else { String::new() };
    let ask = Ask {
        what: "listeners".into(),
        columns: read::LISTENERS,
        page: &|namespace, pod| admin::part(namespace, pod, "listeners", &["dynamic_listeners", "static_listeners"], &name),
        read: &read::listeners,
        empty: (!name.is_empty()).then(|| format!("no name holds `{}`", crate::text::first_line(&name))),
        notes: Vec::new(),
    };
    Ok(Dynamic::from(gather(run, &proxies, ask)?))
}
