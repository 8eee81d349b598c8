//! How ejections are gathered: each caller's proxy is asked for its hosts, which Istio's proxies tell by default.

use std::collections::{BTreeMap, BTreeSet};

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};
use serde_json::Value;

use super::{Ejections, Seen};
use crate::evidence::rules::Rules;
use crate::evidence::sampler::{Clusters, sample};
use crate::evidence::survey::{self, Survey};
use crate::host::Host;

/// Gathers which hosts are ejected now.
///
/// # Errors
/// What every read of the API server can end in; proxies that do not answer are missing data instead.
pub fn gather(run: &Run, host: &Host) -> Result<Ejections, Failure> {
    let minute = Span(std::time::Duration::from_secs(60));
    let requests = survey::requests(run, host, minute)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let pages = sample::<Clusters>(run, host, &survey.callers)?;
    let (mut seen, mut hosts, mut ejected) = (Seen::default(), BTreeSet::new(), BTreeMap::<String, usize>::new());
    for page in survey.callers.iter().filter_map(|proxy| pages.page(proxy)) {
        seen.callers += 1;
        let mut own = BTreeSet::new();
        for upstream in page.0.iter().filter(|c| c.name.is_outbound_to(host.fqdn())).flat_map(|c| &c.hosts) {
            hosts.insert(upstream.address.clone());
            if upstream.ejected {
                own.insert(upstream.address.clone());
            }
        }
        own.into_iter().for_each(|address| *ejected.entry(address).or_default() += 1);
    }
    if seen.callers == 0 {
        let missing = survey
            .unseen
            .clone()
            .unwrap_or_else(|| Missing::Unreachable(format!("no proxy that calls {} answered", host.text())));
        return Ok(Ejections::new(host.clone(), Err(missing)));
    }
    seen.hosts = hosts.len();
    let pods = pods(&survey);
    let name = |address: String| {
        let ip = address.rsplit_once(':').map_or(address.as_str(), |(ip, _)| ip);
        pods.get(ip).cloned().unwrap_or_else(|| address.clone())
    };
    seen.ejected = ejected.into_iter().map(|(address, callers)| (name(address), callers)).collect();
    seen.ejected.sort();
    if !seen.ejected.is_empty() {
        let rules = Rules::read(run, host, &survey.callers)?;
        let settings = survey.callers.iter().filter_map(|proxy| rules.for_proxy(proxy).into_iter().find_map(setting));
        seen.rules = settings.collect::<BTreeSet<_>>().into_iter().collect();
    }
    Ok(Ejections::new(host.clone(), Ok(seen)))
}

/// Pods by their addresses.
fn pods(survey: &Survey) -> BTreeMap<String, String> {
    survey.pods.iter().filter_map(|pod| Some((pod.ip.clone()?, pod.name.clone()))).collect()
}

/// `outlierDetection of DestinationRule summit/graph-core (consecutive5xxErrors 5, …)`, if the rule has any.
fn setting(rule: &Value) -> Option<String> {
    let text = |pointer: &str| rule.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let policies = std::iter::once(rule.pointer("/spec/trafficPolicy")).chain(
        rule.pointer("/spec/subsets").and_then(Value::as_array).into_iter().flatten().map(|s| s.get("trafficPolicy")),
    );
    let detection = policies.flatten().find_map(|policy| policy.get("outlierDetection"))?.as_object()?;
    let plain = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let fields: Vec<_> = detection.iter().map(|(key, value)| format!("{key} {}", plain(value))).collect();
    Some(format!(
        "outlierDetection of DestinationRule {}/{} ({})",
        text("/metadata/namespace"),
        text("/metadata/name"),
        fields.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_ejects_is_said_with_its_figures() {
        let rule = json!({
            "metadata": { "namespace": "summit", "name": "graph-core" },
            "spec": { "trafficPolicy": { "outlierDetection": { "consecutive5xxErrors": 5, "interval": "10s" } } },
        });
        assert_eq!(
            setting(&rule).as_deref(),
            Some("outlierDetection of DestinationRule summit/graph-core (consecutive5xxErrors 5, interval 10s)")
        );
        assert_eq!(setting(&json!({ "spec": { "trafficPolicy": {} } })), None);
    }
}
