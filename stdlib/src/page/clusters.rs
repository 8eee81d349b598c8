//! `Proxies.clusters(name)`: the clusters of the proxies.

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
    name: "clusters",
    receiver: Some("Proxies"),
    params: NAME,
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
    let page = |namespace: &str, pod: &str, name: &str| admin::part(namespace, pod, "clusters", &["dynamic_active_clusters", "static_clusters"], name);
    Ok(Dynamic::from(by_name(call, "clusters", read::CLUSTERS, &page, &read::clusters)?))
}
