//! What istiod makes of a VirtualService: the routes of a host, in the order in which they are tried.

use std::time::Duration;

use serde_json::Value;

use super::rules;
use crate::mesh::kubernetes::{key_of, text};
use crate::world::span;

/// One route of a virtual host.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// The route's name, empty if the VirtualService gives none.
    pub name: String,
    /// The first `match` of the HTTP route, `Null` for any request.
    pub matches: Value,
    /// Cluster names with their weights.
    pub destinations: Vec<(String, u32)>,
    /// The timeout; `None` is none at all, as Istio's default.
    pub timeout: Option<Duration>,
    /// Retries after the first attempt.
    pub retries: u32,
    /// What is retried, as Envoy's `retry_on`.
    pub retry_on: String,
    /// The timeout of each attempt.
    pub per_try_timeout: Option<Duration>,
    /// Namespace and name of the VirtualService.
    pub virtual_service: Option<(String, String)>,
    /// Whether a cluster that is not there is answered by 500, as the Gateway API demands, and not by 503.
    pub gateway_semantics: bool,
}

impl Route {
    /// The route of a host without a VirtualService.
    pub fn plain(cluster: String) -> Route {
        Route {
            name: "default".into(),
            matches: Value::Null,
            destinations: vec![(cluster, 1)],
            timeout: None,
            retries: 2,
            retry_on: "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes".into(),
            per_try_timeout: None,
            virtual_service: None,
            gateway_semantics: false,
        }
    }

    /// Whether a request with this path and these headers takes the route. Names of headers are in lower case.
    pub fn takes(&self, path: &str, headers: &[(String, String)]) -> bool {
        let fits = |wanted: &Value, text: &str| match (
            wanted["exact"].as_str(),
            wanted["prefix"].as_str(),
            wanted["regex"].as_str(),
        ) {
            (Some(exact), _, _) => text == exact,
            (_, Some(prefix), _) => text.starts_with(prefix),
            (_, _, Some(regex)) => regex::Regex::new(&format!("^(?:{regex})$")).is_ok_and(|regex| regex.is_match(text)),
            _ => true,
        };
        let has = |name: &str, wanted: &Value| headers.iter().any(|(own, value)| own == name && fits(wanted, value));
        fits(&self.matches["uri"], path)
            && self.matches["headers"].as_object().is_none_or(|all| all.iter().all(|(name, wanted)| has(name, wanted)))
            && self.matches["queryParams"].is_null()
            && self.matches["sourceLabels"].is_null()
    }
}

/// A host on a port, with its routes in order.
#[derive(Clone, Debug, PartialEq)]
pub struct VirtualHost {
    /// The host's full name; of a gateway the name that its clients ask for, or a wildcard.
    pub host: String,
    /// The Service's port; of a gateway the port of its server.
    pub port: u16,
    /// The Service's cluster address.
    pub cluster_ip: String,
    /// The Service's namespace.
    pub namespace: String,
    /// Routes in the order in which they are tried.
    pub routes: Vec<Route>,
}

/// The routes of a VirtualService for requests that come in by `gateway` (`mesh` for those of sidecars). `port_of` gives
/// the port of a destination that names none.
pub fn of_virtual_service(object: &Value, gateway: &str, port_of: impl Fn(&str) -> u16) -> Vec<Route> {
    let (namespace, name) = key_of(object);
    let gateway_semantics =
        object["metadata"]["annotations"]["internal.istio.io/route-semantics"].as_str() == Some("gateway");
    let default = Route::plain(String::new());
    let mut routes = Vec::new();
    for http in object["spec"]["http"].as_array().into_iter().flatten() {
        let destinations: Vec<(String, u32)> = http["route"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|route| {
                let destination = &route["destination"];
                let target = rules::full_host(text(&destination["host"]), &namespace);
                let given = destination["port"]["number"].as_u64().and_then(|number| u16::try_from(number).ok());
                let port = given.unwrap_or_else(|| port_of(&target));
                let weight = route["weight"].as_u64().and_then(|w| u32::try_from(w).ok()).unwrap_or(1);
                (format!("outbound|{port}|{}|{target}", text(&destination["subset"])), weight)
            })
            .collect();
        let retries = &http["retries"];
        let matches: Vec<Value> =
            http["match"].as_array().cloned().filter(|list| !list.is_empty()).unwrap_or_else(|| vec![Value::Null]);
        let concerns =
            |one: &Value| one["gateways"].as_array().is_none_or(|named| named.iter().any(|one| *one == gateway));
        for one in matches.into_iter().filter(concerns) {
            routes.push(Route {
                name: text(&http["name"]).to_owned(),
                matches: one,
                destinations: destinations.clone(),
                timeout: http["timeout"].as_str().and_then(span::parse).filter(|t| !t.is_zero()),
                retries: retries["attempts"].as_u64().and_then(|n| u32::try_from(n).ok()).unwrap_or(default.retries),
                retry_on: retries["retryOn"].as_str().map_or_else(|| default.retry_on.clone(), str::to_owned),
                per_try_timeout: retries["perTryTimeout"].as_str().and_then(span::parse).filter(|t| !t.is_zero()),
                virtual_service: Some((namespace.clone(), name.clone())),
                gateway_semantics,
            });
        }
    }
    routes
}
