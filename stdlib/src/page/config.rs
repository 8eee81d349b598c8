//! `Proxies.config(resource, name)`: a part of the configuration dump of the proxies, as Envoy wrote it.

use meshbook_runtime::effect::Class;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::primitive::{Example, Expect, Invocation, Names, Primitive, Type};
use rhai::Dynamic;

use crate::code::ENVOY_RESOURCE;
use crate::descriptor::{self, optional, param};
use crate::envoy::admin;
use crate::proxies::Proxies;
use crate::page::gather::{Ask, gather, nothing_named};
use crate::page::read;

/// Its descriptor.
pub static PRIMITIVE: Primitive = Primitive {
    name: "config",
    receiver: Some("Proxies"),
    params: &[param("resource", Type::String, "`bootstrap`, `clusters`, `endpoints`, `listeners`, `routes` or `secrets`").naming(Names::OneOf(&["bootstrap", "clusters", "endpoints", "listeners", "routes", "secrets"])), optional("name", Type::String, "\"\"", "a part of their names, taken as it is; all if empty")],
    returns: "Page",
    class: Some(Class::Read),
    summary: "A part of the configuration dump of the proxies, as Envoy wrote it.",
    doc: "From `/config_dump` with the mask of that resource, only the members whose name holds `name`. Each row has `name`, `last_updated` (RFC 3339) and `raw`: the member of `envoy.admin.v3` as a map without types, for example `raw.cluster` of `clusters`, `raw.active_state.listener` of `listeners`, `raw.route_config` of `routes`.",
    errors: &[&ENVOY_RESOURCE],
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config all -o json", "config_dump", "raw"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").config("clusters", "|8080||graph-core.").rows()[0].raw.cluster.connect_timeout"#, expect: Expect::Value("10s") },
        Example { world: "healthy", script: r#"proxies("front").config("bootstrap").rows()[0].raw.bootstrap.node.metadata.NAMESPACE"#, expect: Expect::Value("summit") },
        Example { world: "healthy", script: r#"proxies("front").config("cluster")"#, expect: Expect::Fails("meshbook::envoy::resource") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, proxies) = (call.run(), call.receiver::<Proxies>()?);
    let wanted = call.string(0)?;
    let name = if call.given(1) { call.string(1)? } else { String::new() };
    let found = read::RESOURCES.into_iter().find(|(resource, ..)| *resource == wanted);
    let (resource, lists, place) = found.ok_or_else(|| {
        let names: Vec<String> = read::RESOURCES.iter().map(|(resource, ..)| (*resource).to_owned()).collect();
        Failure::new(&ENVOY_RESOURCE, format!("a dump has no resource `{}`", crate::text::first_line(&wanted)))
            .hint(format!("it has {}", crate::text::and(&names)))
    })?;
    let ask = Ask {
        what: format!("configuration ({resource})"),
        columns: read::CONFIG,
        page: &|namespace, pod| admin::part(namespace, pod, resource, lists, &name),
        read: &|page| read::config(page, lists, place),
        empty: nothing_named(&name),
        notes: Vec::new(),
    };
    Ok(Dynamic::from(gather(run, &proxies, ask)?))
}
