//! `Proxies.clusters(name)`: the clusters of the proxies.

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
    name: "clusters",
    receiver: Some("Proxies"),
    params: &[optional("name", Type::String, "\"\"", "a part of their names, taken as it is; all if empty")],
    returns: "Page",
    class: Some(Class::Read),
    summary: "The clusters of the proxies: to whom they can send, and which DestinationRule shaped each.",
    doc: "From `/config_dump?mask=dynamic_active_clusters,static_clusters` of `envoy.admin.v3`, only the clusters whose name holds `name`. Each row has `name`, `host`, `port` (int, `()` for those that are not Istio's), `subset`, `direction`, `type`, `destination_rule` (`NAME.NAMESPACE`, empty for none), `max_connections`, `max_pending_requests`, `max_requests` (4294967295 is unlimited), `outlier_detection` (a map or `()`), `connect_timeout`, `proxy`.",
    permissions: descriptor::FORWARD,
    search: &["istioctl proxy-config cluster", "config dump", "CDS", "circuit breaker"],
    examples: &[
        Example { world: "healthy", script: r#"proxies("front").clusters("graph-core").rows()[0].destination_rule"#, expect: Expect::Value("graph-core.summit") },
        Example { world: "healthy", script: r#"proxies("front").clusters("|8080||graph-core.").rows()[0].max_connections"#, expect: Expect::Value("100") },
        Example { world: "healthy", script: r#"proxies("front").clusters("no-such-host")"#, expect: Expect::Contains("not exported: no name holds `no-such-host`") },
        Example { world: "healthy", script: r#"proxies("legacy").clusters().is_missing()"#, expect: Expect::Value("true") },
    ],
    body,
    ..descriptor::PRIMITIVE
};

fn body(call: &Invocation<'_>) -> Result<Dynamic, Failure> {
    let (run, proxies) = (call.run(), call.receiver::<Proxies>()?);
    let name = if call.given(0) { call.string(0)? } else { String::new() };
    let ask = Ask {
        what: "clusters".into(),
        columns: read::CLUSTERS,
        page: &|namespace, pod| admin::part(namespace, pod, "clusters", &["dynamic_active_clusters", "static_clusters"], &name),
        read: &read::clusters,
        empty: (!name.is_empty()).then(|| format!("no name holds `{}`", crate::text::first_line(&name))),
        notes: Vec::new(),
    };
    Ok(Dynamic::from(gather(run, &proxies, ask)?))
}
