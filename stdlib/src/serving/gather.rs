//! How it is found out whether a gateway can serve a public name.

use std::collections::BTreeSet;

use meshbook_runtime::change::rollout;
use meshbook_runtime::failure::{Failure, NOT_FOUND, TYPE};
use meshbook_runtime::noun::a_type;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use rhai::{Array, Dynamic};
use serde_json::Value;

use super::{Row, Seen, Serving};
use crate::addresses::gather::service;
use crate::envoy::{admin, clusters};
use crate::evidence::{absorb, gateways};
use crate::host::{Host, resolve};
use crate::kubernetes::{kinds, read};
use crate::overview::gather::body;
use crate::proxy::pod::{PodFacts, strings};
use crate::room::gather::endpoints;
use crate::text::{count, some};
use crate::workload::resolve::behind;

/// The names of a list of strings, or of one.
///
/// # Errors
/// `TYPE` for anything else, and for none.
pub fn names(given: Dynamic) -> Result<Vec<String>, Failure> {
    let items = if given.is_array() { given.cast::<Array>() } else { vec![given] };
    let names: Vec<String> = items
        .into_iter()
        .map(|item| {
            let what = a_type(&item);
            item.into_string()
                .map_err(|_| Failure::new(&TYPE, format!("a service is named by a string, not by {what}")))
        })
        .collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Err(
            Failure::new(&TYPE, "no service was named").hint("name at least one service behind the public name")
        );
    }
    Ok(names)
}

/// Finds it out.
///
/// # Errors
/// `HOST_UNKNOWN` for what is no name of a Service; what a script may not handle.
pub fn gather(run: &Run, name: &str, services: &[String], gateway: &str) -> Result<Serving, Failure> {
    for service in services {
        resolve::named(service)?;
    }
    let of = service(run, gateway)?;
    let shown = crate::text::first_line(name);
    let seen = match look(run, name, services, gateway) {
        Ok(seen) => Ok(seen),
        Err(failure) => Err(Missing::Unreachable(absorb(failure)?)),
    };
    Ok(Serving::new(shown, of.to_string(), seen))
}

fn look(run: &Run, name: &str, services: &[String], gateway: &str) -> Result<Seen, Failure> {
    let object = service(run, gateway)?;
    let found = read::find(run, &object)?;
    let Some(service) = found else {
        let wrong = vec![format!("the gateway's {object} is not there")];
        return Ok(Seen { gateways: 0, wrong, rows: rows(run, services, &[])? });
    };
    let selector = strings(service.pointer("/spec/selector"));
    let pods = read::view(run, kinds::pod(), object.namespace.as_deref(), None)?;
    let pods: Vec<PodFacts> = pods
        .iter()
        .map(PodFacts::of)
        .filter(|pod| !selector.is_empty() && pod.is_selected(&selector) && pod.has_proxy && !pod.is_terminating)
        .collect();
    let mut wrong = Vec::new();
    if pods.is_empty() {
        wrong.push(format!("the gateway's {object} has no pod with a proxy"));
    }
    let routes = |pod: &PodFacts| admin::part(&pod.namespace, &pod.name, "routes", &["dynamic_route_configs"], "");
    let asked = run.read_all(pods.iter().map(routes).collect());
    let hosts = run.read_all(pods.iter().map(|pod| admin::hosts(&pod.namespace, &pod.name)).collect());
    let (mut pages, mut without) = (Vec::new(), Vec::new());
    for ((pod, routes), hosts) in pods.iter().zip(asked).zip(hosts) {
        let (routes, hosts) = (body(routes)?, body(hosts)?);
        let told = routes.and_then(|routes| Ok((domains(&routes)?, clusters::parse(&hosts?)?)));
        match told {
            Ok((domains, clusters)) => {
                if !gateways::is_among(&domains, name) {
                    without.push(pod.name.clone());
                }
                pages.push(clusters);
            }
            Err(why) => wrong.push(format!("its pod {} did not answer: {why}", pod.name)),
        }
    }
    if !without.is_empty() {
        let shown = crate::text::first_line(name);
        wrong.push(format!("{object} has no route for {shown} in {}", some(&without, 3)));
    }
    Ok(Seen { gateways: pages.len(), wrong, rows: rows(run, services, &pages)? })
}

/// The domains of all virtual hosts of a page of routes (`envoy.admin.v3.RoutesConfigDump`).
fn domains(page: &str) -> Result<BTreeSet<String>, String> {
    let page: Value =
        serde_json::from_str(page).map_err(|error| format!("its /config_dump page is not JSON: {error}"))?;
    let list = |value: &Value, key: &str| value.get(key).and_then(Value::as_array).cloned().unwrap_or_default();
    let configs = list(&page, "configs").into_iter().flat_map(|one| {
        // With a mask each element is a part of the dump; without one it is the dump of one kind.
        let mut nested = list(&one, "dynamic_route_configs");
        if nested.is_empty() {
            nested.push(one);
        }
        nested
    });
    let hosts = configs.filter_map(|one| one.get("route_config").cloned()).flat_map(|one| list(&one, "virtual_hosts"));
    // Where a gateway has no route, istiod sends one that answers 404 for every name.
    let routed = hosts
        .filter(|host| !host.get("name").and_then(Value::as_str).is_some_and(|name| name.starts_with("blackhole:")));
    Ok(routed.flat_map(|host| list(&host, "domains")).filter_map(|one| one.as_str().map(str::to_owned)).collect())
}

fn rows(run: &Run, services: &[String], pages: &[Vec<clusters::Cluster>]) -> Result<Vec<Row>, Failure> {
    services.iter().map(|name| row(run, name, pages)).collect()
}

fn row(run: &Run, name: &str, pages: &[Vec<clusters::Cluster>]) -> Result<Row, Failure> {
    let host = match resolve::resolve(run, name) {
        Ok(host) => host,
        Err(failure) if read::is(&failure, &crate::code::HOST_UNKNOWN) || read::is(&failure, &NOT_FOUND) => {
            let wrong = Some("is not there".to_owned());
            return Ok(Row { service: name.to_owned(), pods: (0, 0), endpoints: 0, at_gateway: 0, wrong });
        }
        Err(failure) => return Err(failure),
    };
    let mut pods = (0, 0);
    let mut unready = Vec::new();
    for object in behind(run, &host)? {
        let (ready, wanted, done) = rollout::progress(&read::get(run, &object)?, 0);
        pods = (pods.0 + ready, pods.1 + wanted);
        if !done || wanted == 0 {
            unready.push(format!("{object} has {ready} of {wanted} pods ready"));
        }
    }
    let ready = match endpoints(run, &host)? {
        Ok((ready, _)) => ready,
        Err(missing) => return Err(missing.failure(&format!("the endpoints of {name}"))),
    };
    let at_gateway = pages.iter().map(|page| healthy(page, &host)).min().unwrap_or(0);
    let wrong = match (ready, pages.len()) {
        (0, _) => Some("has no ready endpoint".to_owned()),
        _ if !unready.is_empty() => Some(format!("is not ready: {}", some(&unready, 3))),
        (_, 0) => None,
        _ if at_gateway == 0 => {
            let blind = pages.iter().filter(|page| healthy(page, &host) == 0).count();
            Some(format!("has no healthy endpoint in {} of the gateway", count(blind, "pod", "pods")))
        }
        _ => None,
    };
    Ok(Row { service: format!("{}.{}", host.name(), host.namespace()), pods, endpoints: ready, at_gateway, wrong })
}

/// Healthy hosts of the clusters to a service; of those of several ports, the most.
fn healthy(page: &[clusters::Cluster], host: &Host) -> usize {
    let of = page.iter().filter(|cluster| cluster.name.is_outbound_to(host.fqdn()));
    of.map(|cluster| cluster.hosts.iter().filter(|one| one.healthy && !one.ejected).count()).max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_domains_of_a_gateway_without_a_route_are_none() {
        let host = |name: &str, domain: &str| json!({"name": name, "domains": [domain]});
        let dump = |host: Value| json!({"configs": [{"dynamic_route_configs": [{"route_config": {"virtual_hosts": [host]}}]}]});
        let of = |host: Value| domains(&dump(host).to_string()).expect("a dump");
        assert!(of(host("blackhole:80", "*")).is_empty());
        let routed = of(host("shop.example.com:80", "*.example.com"));
        assert!(gateways::is_among(&routed, "shop.example.com") && !gateways::is_among(&routed, "example.org"));
    }

    #[test]
    fn services_are_named_by_strings() {
        assert_eq!(names("front".into()).expect("a name"), ["front"]);
        assert!(names(Dynamic::from(1_i64)).is_err() && names(Dynamic::from(Array::new())).is_err());
    }
}
