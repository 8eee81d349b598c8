//! `Proxies.routes(name)`: the routes of the proxies, in the order in which each virtual host tries them.

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
    name: "routes",
    receiver: Some("Proxies"),
    params: NAME,
    returns: "Page",
    class: Some(Class::Read),
    summary: "The routes of the proxies, in the order in which each virtual host tries them.",
    doc: "From `/config_dump?mask=dynamic_route_configs,static_route_configs`; `name` is a part of the route configuration's name, which is a port for HTTP. Each row has `name`, `virtual_host`, `domains` (array), `match`, `route`, `to` (a cluster, or weights and clusters), `virtual_service` (`NAME.NAMESPACE`), `timeout`, `retries`, `retry_on`, `per_try_timeout` as Envoy writes them, `proxy`.",
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config route", "RDS", "virtual host"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").routes("8080").rows().filter(|one| one.virtual_service == "graph-core.summit").len() > 0"#, expect: Expect::Value("true") },
        Example { world: "healthy", script: r#"proxies("front").routes("8080").rows().filter(|one| one.route == "default" && one.virtual_service != "")[0].timeout"#, expect: Expect::Contains("10s") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let page = |namespace: &str, pod: &str, name: &str| admin::part(namespace, pod, "routes", &["dynamic_route_configs", "static_route_configs"], name);
    Ok(Dynamic::from(by_name(call, "routes", read::ROUTES, &page, &read::routes)?))
}
