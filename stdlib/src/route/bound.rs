//! Which route takes the requests that reach a host by a gateway.
//!
//! A sidecar looks a route up by the host that is asked for. A gateway's client asks for a name of its own, so what counts
//! is where a route leads: the entries of VirtualServices bound to other gateways than `mesh` whose destination is the host.

use std::sync::Arc;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use serde_json::Value;

use super::{Inner, Place, Route, lookup, none, policy};
use crate::kubernetes::kinds;
use crate::rule::lookup::full_name;
use crate::text::some;
use policy::Policy;

/// The route that leads from gateways to a host: the one of this name, else the only one.
///
/// # Errors
/// `ROUTE` if several lead there and no name says which, or none has that name.
pub fn find(objects: &[Value], fqdn: &str, domain: &str, name: Option<&str>) -> Result<Route, Failure> {
    let mut found: Vec<(&Value, Place)> = Vec::new();
    for object in objects.iter().filter(|object| is_for_gateways(object)) {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        let (namespace, own) = (text("/metadata/namespace"), text("/metadata/name"));
        for (index, http) in lookup::routes(object).iter().enumerate() {
            if leads_to(http, namespace, fqdn, domain) {
                let object_ref = ObjectRef::new(kinds::virtual_service(), namespace, own);
                found.push((http, Place { object: object_ref, index, label: lookup::label(http, index) }));
            }
        }
    }
    let labels: Vec<String> = found.iter().map(|(_, place)| format!("{} of {}", place.label, place.object)).collect();
    if let Some(name) = name {
        found.retain(|(http, _)| http.get("name").and_then(Value::as_str) == Some(name));
    }
    match found.as_slice() {
        [(http, place)] => {
            let mut chain: Vec<String> =
                labels.iter().map(|label| format!("{label} is bound to a gateway and leads to the host")).collect();
            chain.push("most requests come in by gateways: what sidecars do with theirs does not count here".into());
            Ok(Route(Arc::new(Inner {
                fqdn: fqdn.to_owned(),
                place: Some(place.clone()),
                policy: Policy::of(http),
                chain,
            })))
        }
        [] if name.is_none() => {
            // An HTTPRoute of the Gateway API says nothing of retries; what it says of time, `carries` would have to tell.
            let chain = vec!["requests come in by gateways, and no VirtualService that is bound to one leads here: an HTTPRoute does".into()];
            Ok(Route(Arc::new(Inner { fqdn: fqdn.to_owned(), place: None, policy: policy::DEFAULT, chain })))
        }
        [] => Err(none(fqdn, "has no route of that name that is bound to a gateway")
            .hint(format!("it has {}", some(&labels, 8)))),
        _ => Err(none(fqdn, "is reached by several routes that are bound to gateways")
            .hint(format!("say which by its name, host.route(\"NAME\"): it has {}", some(&labels, 8)))),
    }
}

/// Whether a VirtualService is bound to a gateway, whatever else it is bound to.
fn is_for_gateways(object: &Value) -> bool {
    let gateways = object.pointer("/spec/gateways").and_then(Value::as_array);
    gateways.into_iter().flatten().filter_map(Value::as_str).any(|gateway| gateway != "mesh")
}

fn leads_to(http: &Value, namespace: &str, fqdn: &str, domain: &str) -> bool {
    let routes = http.get("route").and_then(Value::as_array).into_iter().flatten();
    routes
        .filter_map(|route| route.pointer("/destination/host").and_then(Value::as_str))
        .any(|host| full_name(host, namespace, domain) == fqdn)
}

#[cfg(test)]
mod tests {
    use meshbook_runtime::noun::Noun;
    use serde_json::json;

    use super::*;

    const HOST: &str = "graph-core.summit.svc.cluster.local";

    fn shop(gateways: &[&str], http: Value) -> Value {
        json!({ "metadata": { "namespace": "summit", "name": "shop" }, "spec": { "hosts": ["shop.example.com"], "gateways": gateways, "http": http } })
    }

    #[test]
    fn the_entry_that_leads_to_the_host() {
        let to = |name: &str, host: &str, attempts: u32| json!({ "name": name, "retries": { "attempts": attempts }, "route": [{ "destination": { "host": host } }] });
        let own = shop(&["public"], json!([to("images", "catalog", 1), to("shop", "graph-core", 8)]));
        let sidecars = json!({ "metadata": { "namespace": "summit", "name": "graph-core" }, "spec": { "hosts": [HOST], "http": [to("default", HOST, 3)] } });
        let all = [sidecars, own];
        let found = find(&all, HOST, "cluster.local", None).expect("one leads there");
        assert!(found.text().starts_with("route shop of VirtualService summit/shop: 8 retries"), "{}", found.text());
        assert!(find(&all, HOST, "cluster.local", Some("images")).is_err());
        let other = shop(&["edge/other"], json!([to("", HOST, 1)]));
        let two = [all[1].clone(), other];
        assert!(find(&two, HOST, "cluster.local", None).is_err(), "nobody says which");
        assert!(find(&two, HOST, "cluster.local", Some("shop")).is_ok());
        assert!(find(&all[..1], HOST, "cluster.local", None).expect("defaults").place().is_none());
    }
}
