//! What a gateway's own clients ask for to reach a host: the domains of its virtual hosts.
//!
//! A sidecar's caller names the service. A gateway's client names what its certificate or its link says, so a line of its
//! access log without a cluster (`NR`, `NC`) can be told to be about a host only by the gateway's routes.

use std::collections::{BTreeMap, BTreeSet};

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::{absorb, moment};
use crate::envoy::{ClusterName, admin};
use crate::proxy::{Key, Proxy};

/// The domains that lead to each gateway's host, by gateway. A gateway that does not answer has none.
///
/// # Errors
/// What a script may not handle.
pub fn domains(run: &Run, proxies: &[Proxy]) -> Result<BTreeMap<Key, BTreeSet<String>>, Failure> {
    let gateways: Vec<&Proxy> = proxies.iter().filter(|proxy| proxy.is_gateway()).collect();
    if gateways.is_empty() {
        return Ok(BTreeMap::new());
    }
    let part = |proxy: &&Proxy| admin::part(proxy.namespace(), proxy.pod(), "routes", &["dynamic_route_configs"], "");
    let replies = moment::read_all(run, gateways.iter().map(part).collect());
    let mut all = BTreeMap::new();
    for (proxy, reply) in gateways.into_iter().zip(replies) {
        let page = match reply {
            Ok(reply) => admin::body(reply),
            Err(failure) => Err(absorb(failure)?),
        };
        let told = page.map(|page| leading_to(&page, proxy.host().fqdn())).unwrap_or_default();
        all.insert(proxy.key(), told);
    }
    Ok(all)
}

/// The domains of those virtual hosts that have a route to the host, whatever its port or subset.
fn leading_to(page: &str, fqdn: &str) -> BTreeSet<String> {
    let page: Value = serde_json::from_str(page).unwrap_or_default();
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let configs = list(&page, "configs").into_iter().flat_map(|one| list(&one, "dynamic_route_configs"));
    let hosts = configs.filter_map(|one| one.get("route_config").cloned()).flat_map(|one| list(&one, "virtual_hosts"));
    let leads =
        |host: &Value| list(host, "routes").iter().any(|route| clusters(route).any(|name| name.is_outbound_to(fqdn)));
    hosts
        .filter(leads)
        .flat_map(|host| list(&host, "domains"))
        .filter_map(|domain| domain.as_str().map(str::to_owned))
        .collect()
}

fn clusters(route: &Value) -> impl Iterator<Item = ClusterName> {
    let one = route.pointer("/route/cluster").into_iter();
    let weighted = route.pointer("/route/weighted_clusters/clusters").and_then(Value::as_array).into_iter().flatten();
    one.chain(weighted.filter_map(|one| one.get("name"))).filter_map(Value::as_str).filter_map(ClusterName::parse)
}

/// Whether an authority, with or without its port, is one of these domains.
pub fn is_among(domains: &BTreeSet<String>, authority: &str) -> bool {
    let name = authority.rsplit_once(':').map_or(authority, |(name, _)| name);
    domains.iter().any(|domain| match domain.strip_prefix('*') {
        Some(suffix) => name.len() >= suffix.len() && name.ends_with(suffix),
        None => domain == name || domain == authority,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn page() -> String {
        let route = |cluster: &str| json!({ "match": { "prefix": "/" }, "route": { "cluster": cluster } });
        let weighted = json!({ "route": { "weighted_clusters": { "clusters": [{ "name": "outbound|8080|v2|graph-core.summit.svc.cluster.local" }] } } });
        let host = |domain: &str, route: Value| json!({ "name": domain, "domains": [domain], "routes": [route] });
        let hosts = json!([
            host("shop.example.com", route("outbound|8080||graph-core.summit.svc.cluster.local")),
            host("*.example.org", weighted),
            host("other.example.com", route("outbound|8080||catalog.summit.svc.cluster.local")),
            host("blocked.example.com", json!({ "direct_response": { "status": 404 } })),
        ]);
        json!({ "configs": [{ "dynamic_route_configs": [{ "route_config": { "name": "http.8080", "virtual_hosts": hosts } }] }] }).to_string()
    }

    #[test]
    fn domains_of_the_routes_to_a_host() {
        let told = leading_to(&page(), "graph-core.summit.svc.cluster.local");
        assert_eq!(told.iter().map(String::as_str).collect::<Vec<_>>(), ["*.example.org", "shop.example.com"]);
        for (authority, is) in [
            ("shop.example.com", true),
            ("shop.example.com:8080", true),
            ("a.example.org", true),
            ("other.example.com", false),
            ("graph-core.summit:8080", false),
        ] {
            assert_eq!(is_among(&told, authority), is, "{authority}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9]{0,80}") {
            let _ = leading_to(&text, "a");
            let _ = is_among(&BTreeSet::from([text.clone()]), &text);
        }
    }
}
