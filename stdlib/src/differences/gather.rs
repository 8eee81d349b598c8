//! How configurations are gathered and made comparable.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::{Value, json};

use super::Differences;
use super::compare::{Configuration, others};
use crate::envoy::{admin, dump, server_info};
use crate::overview::gather::{bodies, told};
use crate::proxies::Proxies;
use crate::text::{count, some};

/// Compares the configurations of these proxies.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run, proxies: &Proxies) -> Result<Differences, Failure> {
    let of = proxies.of().to_owned();
    if let Some(missing) = proxies.missing() {
        return Ok(Differences::new(of, 0, Err(missing.clone()), Vec::new()));
    }
    let pods = proxies.pods();
    run.progress(Some(&format!("comparing {}", count(pods.len(), "proxy", "proxies"))));
    let effects = pods.iter().flat_map(|pod| {
        let [clusters, listeners, routes] = admin::configuration(&pod.namespace, &pod.name);
        [admin::server_info(&pod.namespace, &pod.name), clusters, listeners, routes]
    });
    let bodies = bodies(run, effects.collect())?;
    let (mut answered, mut silent) = (Vec::new(), Vec::new());
    for (pod, bodies) in pods.iter().zip(bodies.chunks(1 + admin::CONFIGURATION)) {
        let (info, pages) = bodies.split_first().expect("a chunk is not empty");
        match dump::of_pages(pages) {
            Ok(dump) => {
                let mut configuration = without_itself(dump.resources, pod.ip.as_deref());
                if let Ok(info) = told(info, server_info::parse) {
                    let own = json!({ "envoy": info.envoy, "istio": info.istio, "concurrency": info.concurrency });
                    configuration.insert("proxy".into(), own);
                }
                answered.push((pod.name.clone(), configuration));
            }
            Err(why) => silent.push(format!("{}: {why}", pod.name)),
        }
    }
    run.progress(None);
    let notes = silent.first().map(|_| format!("not compared: {}", some(&silent, 3))).into_iter().collect();
    if answered.is_empty() {
        return Ok(Differences::new(of, 0, Err(Missing::Unreachable(some(&silent, 3))), Vec::new()));
    }
    let others = others(&answered);
    let reference = match (answered.as_slice(), others.as_slice()) {
        // Of two, neither is as most are.
        ([one, other], [apart]) => Some(if apart.proxies.contains(&other.0) { one.0.clone() } else { other.0.clone() }),
        _ => None,
    };
    Ok(Differences::new(of, answered.len(), Ok(others), notes).against(reference))
}

/// What stands for the pod itself: its own address, wherever it is written.
fn without_itself(configuration: Configuration, ip: Option<&str>) -> Configuration {
    let Some(ip) = ip.filter(|ip| !ip.is_empty()) else { return configuration };
    configuration.into_iter().map(|(name, value)| (named(&name, ip), replaced(value, ip))).collect()
}

fn named(name: &str, ip: &str) -> String {
    if holds(name, ip) { name.replace(ip, "POD_IP") } else { name.to_owned() }
}

fn replaced(value: Value, ip: &str) -> Value {
    match value {
        Value::String(text) if holds(&text, ip) => Value::String(text.replace(ip, "POD_IP")),
        Value::Array(items) => items.into_iter().map(|item| replaced(item, ip)).collect(),
        Value::Object(fields) => fields.into_iter().map(|(key, value)| (key, replaced(value, ip))).collect(),
        other => other,
    }
}

/// Whether an address stands in a text as a whole: `10.0.0.1` does not in `10.0.0.12`.
fn holds(text: &str, ip: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_ascii_hexdigit() || c == '.' || c == ':');
    text.match_indices(ip).any(|(at, found)| {
        let before = text.get(..at).and_then(|before| before.chars().next_back());
        let after = text.get(at + found.len()..).and_then(|after| after.chars().next());
        !part(before) && !after.is_some_and(|c| c.is_ascii_hexdigit() || c == '.')
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pods_own_address_is_no_difference() {
        let of = |ip: &str| {
            Configuration::from([(format!("listener {ip}_8080"), json!({ "address": ip, "other": "10.0.0.12" }))])
        };
        assert_eq!(without_itself(of("10.0.0.1"), Some("10.0.0.1")), without_itself(of("10.0.0.7"), Some("10.0.0.7")));
        assert!(!holds("10.0.0.12", "10.0.0.1") && holds("10.0.0.1:80", "10.0.0.1") && !holds("110.0.0.1", "10.0.0.1"));
        assert_ne!(without_itself(of("10.0.0.1"), None), without_itself(of("10.0.0.7"), None));
    }
}
