//! Whether a proxy's live configuration has what rules prescribe, and what it lacks.

use std::collections::BTreeSet;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::{Proxy, Side};
use crate::envoy::admin;
use crate::envoy::config_dump::{self, Configured};
use crate::evidence::{absorb, rules};
use crate::kubernetes::read;
use crate::rule::lookup::{self, Candidate};
use crate::rule::{Limits, Rule, policy};

/// What the proxy lacks of these rules; `None` if it carries them in every cluster that they govern.
///
/// # Errors
/// What reading the rules can end in; `NO_DATA` if the proxy does not answer, or has no cluster that they govern.
pub fn lag(run: &Run, proxy: &Proxy, rules: &[Rule]) -> Result<Option<String>, Failure> {
    let objects = rules.iter().map(|rule| read::get(run, rule.object())).collect::<Result<Vec<_>, _>>()?;
    let reply = run.read(admin::cluster_config(proxy.namespace(), proxy.pod(), proxy.host().fqdn()));
    let page = match reply {
        Ok(reply) => admin::body(reply).and_then(|body| config_dump::parse(&body)),
        Err(failure) => Err(absorb(failure)?),
    };
    let what = format!("the configuration of {}", proxy.text());
    let clusters = page.map_err(|why| Missing::Unreachable(why).failure(&what))?;
    match compare(proxy, &clusters, &objects) {
        Compared::Carries => Ok(None),
        Compared::Lags(lag) => Ok(Some(lag)),
        Compared::Nothing => Err(Missing::NoSeries(format!(
            "it has no cluster that {} governs",
            rules.first().map(Noun::text).unwrap_or_default()
        ))
        .failure(&what)),
    }
}

#[derive(Debug, PartialEq)]
enum Compared {
    Carries,
    Lags(String),
    Nothing,
}

/// Compares each cluster with what the rule that governs it prescribes.
fn compare(proxy: &Proxy, clusters: &[Configured], objects: &[Value]) -> Compared {
    let host = proxy.host();
    let ports = host.target_ports();
    let of_side = |cluster: &&Configured| {
        cluster.name.is_inbound() == (proxy.side() == Side::Server) && cluster.concerns(host.fqdn(), &ports)
    };
    let (mut governed, mut lags) = (0_usize, BTreeSet::new());
    for cluster in clusters.iter().filter(of_side) {
        let Some(spec) = governing(proxy, cluster, objects).and_then(|object| object.get("spec")) else { continue };
        let (port, subset) = rules::place(host, cluster);
        let wanted = policy::limits(spec, port, subset);
        governed += 1;
        if cluster.limits != wanted {
            lags.insert(format!(
                "{} still has {} in {}, not {}",
                proxy.text(),
                difference(cluster.limits, wanted),
                cluster.name,
                difference(wanted, cluster.limits)
            ));
        }
    }
    match (governed, lags.pop_first()) {
        (0, _) => Compared::Nothing,
        (_, Some(lag)) => Compared::Lags(lag),
        (_, None) => Compared::Carries,
    }
}

/// The rule among the given that governs a cluster: the one that the proxy says, else the one that a lookup among them finds.
fn governing<'a>(proxy: &Proxy, cluster: &Configured, objects: &'a [Value]) -> Option<&'a Value> {
    let text = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    if let Some((namespace, name)) = &cluster.rule {
        return objects.iter().find(|object| {
            text(object, "/metadata/namespace").as_ref() == Some(namespace)
                && text(object, "/metadata/name").as_ref() == Some(name)
        });
    }
    let candidates: Vec<_> = objects
        .iter()
        .enumerate()
        .filter_map(|(index, object)| Candidate::of(index, object, proxy.host().domain()))
        .collect();
    // The given rules were chosen for this host already: where the root namespace lies does not matter among them.
    let root = candidates
        .iter()
        .map(|c| c.namespace.as_str())
        .find(|n| *n != proxy.namespace() && *n != proxy.host().namespace())
        .unwrap_or_default();
    let asker = lookup::Proxy { namespace: proxy.namespace(), labels: proxy.labels() };
    let found = lookup::find(&candidates, proxy.host().fqdn(), proxy.host().namespace(), root, asker);
    objects.get(found.first()?.index)
}

/// Those of the limits that differ from others.
fn difference(limits: Limits, from: Limits) -> String {
    let pairs = [
        ("connections", limits.max_connections, from.max_connections),
        ("pending", limits.max_pending_requests, from.max_pending_requests),
        ("requests", limits.max_requests, from.max_requests),
    ];
    let differing: Vec<_> = pairs
        .iter()
        .filter(|(_, a, b)| a != b)
        .map(|(name, a, _)| if *a == u32::MAX { format!("{name} unlimited") } else { format!("{name} {a}") })
        .collect();
    differing.join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::host::tests::graph_core;
    use crate::proxy::pod::PodFacts;

    fn clusters() -> Vec<Configured> {
        config_dump::parse(include_str!("../../testdata/istio-1.31/config_dump.clusters.json"))
            .expect("a recorded page")
    }

    fn proxy(side: Side) -> Proxy {
        Proxy::new(
            &PodFacts { namespace: "summit".into(), name: "p".into(), ..PodFacts::default() },
            side,
            &graph_core(),
        )
    }

    fn rule(limit: u32) -> Value {
        json!({ "metadata": { "namespace": "summit", "name": "graph-core" }, "spec": { "host": "graph-core", "trafficPolicy": { "connectionPool": {
            "tcp": { "maxConnections": limit }, "http": { "http1MaxPendingRequests": limit, "http2MaxRequests": limit } } } } })
    }

    #[test]
    fn both_sides_are_compared_with_the_rule() {
        for side in [Side::Caller, Side::Server] {
            assert_eq!(compare(&proxy(side), &clusters(), &[rule(1)]), Compared::Carries);
            let Compared::Lags(lag) = compare(&proxy(side), &clusters(), &[rule(500)]) else { panic!("it lags") };
            assert!(lag.contains("p.summit still has connections 1") && lag.contains("500"), "{lag}");
        }
    }

    #[test]
    fn one_subset_that_lags_is_enough() {
        let mut clusters = clusters();
        for cluster in clusters.iter_mut().filter(|cluster| cluster.name.subset.is_empty()) {
            cluster.limits = Limits { max_connections: 500, max_pending_requests: 500, max_requests: 500 };
        }
        let Compared::Lags(lag) = compare(&proxy(Side::Caller), &clusters, &[rule(500)]) else { panic!("v1 lags") };
        assert!(lag.contains("|v1|"), "{lag}");
    }

    #[test]
    fn without_a_word_of_the_proxy_the_lookup_decides() {
        let clusters: Vec<_> = clusters().into_iter().map(|cluster| Configured { rule: None, ..cluster }).collect();
        assert_eq!(compare(&proxy(Side::Caller), &clusters, &[rule(1)]), Compared::Carries);
    }

    #[test]
    fn nothing_governed_is_not_carried() {
        assert_eq!(compare(&proxy(Side::Caller), &[], &[rule(1)]), Compared::Nothing);
        let mut other = rule(1);
        other["metadata"]["name"] = json!("other");
        assert_eq!(
            compare(&proxy(Side::Caller), &clusters(), &[other]),
            Compared::Nothing,
            "istiod applied another one"
        );
    }
}
