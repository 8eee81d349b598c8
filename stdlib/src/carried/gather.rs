//! Asks the proxies of all callers what they carry of a host.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::Carried;
use crate::differences::compare::Configuration;
use crate::envoy::cluster_name::ClusterName;
use crate::envoy::{admin, dump};
use crate::host::Host;
use crate::overview::gather::bodies;
use crate::proxy::Proxy;
use crate::text::{count, some};

/// Asks these proxies. One that does not answer makes all of it missing: what it carries decides too.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run, host: &Host, proxies: &[Proxy]) -> Result<Carried, Failure> {
    let port = host.ports().first().map(|port| port.number).unwrap_or_default();
    let virtual_host = format!("{}:{port}", host.fqdn());
    run.progress(Some(&format!("asking {} what they carry", count(proxies.len(), "proxy", "proxies"))));
    let effects = proxies.iter().flat_map(|proxy| admin::configuration(proxy.namespace(), proxy.pod()));
    let bodies = bodies(run, effects.collect())?;
    run.progress(None);
    let (mut told, mut silent) = (Vec::new(), Vec::new());
    for (proxy, pages) in proxies.iter().zip(bodies.chunks(admin::CONFIGURATION)) {
        match dump::of_pages(pages) {
            Ok(dump) => told.push((proxy.text(), of_host(dump.resources, host.fqdn()))),
            Err(why) => silent.push(format!("{}: {why}", proxy.text())),
        }
    }
    told.sort_by(|a: &(String, Configuration), b| a.0.cmp(&b.0));
    let all = if silent.is_empty() { Ok(told) } else { Err(Missing::Unreachable(some(&silent, 3))) };
    Ok(Carried::new(host.text(), virtual_host, all))
}

/// The part of a configuration that is about a host: its outbound clusters, and its virtual hosts of any port.
fn of_host(resources: Configuration, fqdn: &str) -> Configuration {
    let mut own = Configuration::new();
    for (key, resource) in resources {
        let kind = key.split(' ').next().unwrap_or_default();
        if kind == "cluster" {
            let name = key.trim_start_matches("cluster ");
            if ClusterName::parse(name).is_some_and(|name| name.is_outbound_to(fqdn)) {
                own.insert(key, resource);
            }
        } else if kind == "route" {
            for host in resource.get("virtual_hosts").and_then(Value::as_array).into_iter().flatten() {
                let name = host.get("name").and_then(Value::as_str).unwrap_or_default();
                if name.rsplit_once(':').is_some_and(|(of, _)| of == fqdn) {
                    own.insert(format!("virtual host {name}"), host.clone());
                }
            }
        }
    }
    own
}
