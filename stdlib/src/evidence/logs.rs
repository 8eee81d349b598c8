//! Access logs as evidence: lines about one host that are not older than a span.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshbook_runtime::effect::{Call, Effect, Reply};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Span;

use super::{absorb, gateways};
use crate::envoy::access_log::Entry;
use crate::proxy::pod::PROXY;
use crate::proxy::{Key, Proxy, Side};

/// How much of a log is read: some 12,000 lines.
const LIMIT: u64 = 4 << 20;

/// What the log of one proxy says.
#[derive(Clone, Debug, Default)]
pub struct Lines {
    /// Lines about the host inside the span.
    pub entries: Vec<Entry>,
    /// Whether there was more than was read: then the figures are lower bounds.
    pub cut: bool,
}

/// Reads the logs of these proxies. A proxy whose log cannot be read says why.
///
/// # Errors
/// What a script may not handle.
pub fn read(run: &Run, proxies: &[Proxy], span: Span) -> Result<BTreeMap<Key, Result<Lines, String>>, Failure> {
    let domains = gateways::domains(run, proxies)?;
    let nothing = BTreeSet::new();
    let lines = |proxy: &Proxy, reply| lines(proxy, reply, domains.get(&proxy.key()).unwrap_or(&nothing));
    let effects = proxies.iter().map(|proxy| effect(proxy, span.0)).collect();
    let mut read = BTreeMap::new();
    let mut cut = Vec::new();
    for (proxy, reply) in proxies.iter().zip(run.read_all(effects)) {
        let lines = lines(proxy, reply)?;
        if lines.as_ref().is_ok_and(|lines| lines.cut) {
            cut.push(proxy.clone());
        }
        read.insert(proxy.key(), lines);
    }
    // A kubelet that has to cut cuts the end. What matters is the newest, so its last second is read once more.
    let last = Span(Duration::from_secs(1));
    for (proxy, reply) in cut.iter().zip(run.read_all(cut.iter().map(|proxy| effect(proxy, last.0)).collect())) {
        if let (Ok(newest), Some(Ok(all))) = (lines(proxy, reply)?, read.get_mut(&proxy.key())) {
            let known = all.entries.iter().map(|entry| entry.at).max();
            all.entries.extend(newest.entries.into_iter().filter(|entry| known.is_none_or(|known| entry.at > known)));
        }
    }
    Ok(read)
}

fn effect(proxy: &Proxy, span: Duration) -> Effect {
    let seconds = span.as_secs() + u64::from(span.subsec_nanos() > 0);
    let call = Call::Logs {
        namespace: proxy.namespace().into(),
        pod: proxy.pod().into(),
        container: PROXY.into(),
        since_seconds: Some(seconds),
        limit_bytes: LIMIT,
        tail_lines: None,
        timestamps: false,
        previous: false,
    };
    Effect::read(format!("Pod {}/{}", proxy.namespace(), proxy.pod()), "access log of its proxy", call)
}

fn lines(
    proxy: &Proxy,
    reply: Result<Reply, Failure>,
    domains: &BTreeSet<String>,
) -> Result<Result<Lines, String>, Failure> {
    Ok(match reply {
        Ok(Reply::Text(text)) => Ok(about(proxy, &text, domains)),
        Ok(_) => Err("its log is not text".into()),
        Err(failure) => Err(absorb(failure)?),
    })
}

/// The lines that are about the proxy's host. That they are inside the span is the kubelet's doing, by the clock of their
/// node: this machine's clock may go otherwise.
fn about(proxy: &Proxy, text: &str, domains: &BTreeSet<String>) -> Lines {
    let cut = u64::try_from(text.len()).unwrap_or(u64::MAX) >= LIMIT;
    Lines {
        entries: text.lines().filter_map(Entry::parse).filter(|entry| is_about(proxy, entry, domains)).collect(),
        cut,
    }
}

fn is_about(proxy: &Proxy, entry: &Entry, domains: &BTreeSet<String>) -> bool {
    let host = proxy.host();
    match (proxy.side(), &entry.cluster) {
        (Side::Caller, Some(cluster)) => cluster.is_outbound_to(host.fqdn()),
        // Without a cluster, as with NR and NC, what was asked for tells.
        (Side::Caller, None) if proxy.is_gateway() => gateways::is_among(domains, &entry.authority),
        (Side::Caller, None) => host.is_named_by(&entry.authority, proxy.namespace()),
        (Side::Server, Some(cluster)) => {
            cluster.is_inbound() && (host.target_ports().is_empty() || host.target_ports().contains(&cluster.port))
        }
        // A connection that was refused before there was a request.
        (Side::Server, None) => entry.has("NR") || host.is_named_by(&entry.authority, proxy.namespace()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::graph_core;
    use crate::proxy::pod::PodFacts;

    fn proxy(side: Side) -> Proxy {
        Proxy::new(
            &PodFacts { namespace: "summit".into(), name: "front-1".into(), ..PodFacts::default() },
            side,
            &graph_core(),
        )
    }

    #[test]
    fn lines_of_the_host_count() {
        let log = include_str!("../../testdata/istio-1.31/access-log.sample.txt");
        assert_eq!(about(&proxy(Side::Caller), log, &BTreeSet::new()).entries.len(), 3);
        assert_eq!(about(&proxy(Side::Server), log, &BTreeSet::new()).entries.len(), 0);
    }

    #[test]
    fn a_request_without_a_cluster_is_told_by_what_it_asked_for() {
        let log = include_str!("../../testdata/istio-1.31/access-log.NC-unknown-subset.txt");
        assert_eq!(about(&proxy(Side::Caller), log, &BTreeSet::new()).entries.len(), 1);
    }

    #[test]
    fn a_gateway_is_asked_for_names_of_its_own() {
        let pod = PodFacts { namespace: "edge".into(), name: "gate-1".into(), is_gateway: true, ..PodFacts::default() };
        let gateway = Proxy::new(&pod, Side::Caller, &graph_core());
        let log = include_str!("../../testdata/istio-1.31/access-log.NC-unknown-subset.txt");
        let log = log.replace("graph-core.summit:8080", "shop.example.com");
        assert_eq!(about(&gateway, &log, &BTreeSet::from(["*.example.com".into()])).entries.len(), 1);
        assert_eq!(about(&gateway, &log, &BTreeSet::from(["other.example.org".into()])).entries.len(), 0);
    }

    #[test]
    fn the_server_logs_what_its_own_cluster_did() {
        let log = include_str!("../../testdata/istio-1.31/access-log.UF-application-down.txt");
        let lines = about(&proxy(Side::Server), log, &BTreeSet::new());
        assert!(lines.entries.iter().all(|entry| entry.has("UF")) && lines.entries.len() == 1);
    }
}
