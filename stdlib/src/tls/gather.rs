//! How pairs are gathered: callers and servers, what each proxy is configured to send, the policies that apply to the
//! servers' pods, certificates of both sides, and connections that servers refused before there was a request.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use super::judge::{self, Demand};
use super::plaintext;
use super::traffic::{self, Failed};
use super::{Caller, Cause, Key, Pair, Server, TlsPair};
use crate::envoy::config_dump::{self, Configured};
use crate::envoy::secrets::{self, Secrets};
use crate::envoy::transport::Transport;
use crate::envoy::{ClusterName, admin};
use crate::evidence::rules::Rules;
use crate::evidence::sampler::{Clusters, sample};
use crate::evidence::survey::{self, Survey};
use crate::evidence::{absorb, moment, representatives};
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::peer_authentication::{Mode, Policies};
use crate::proxy::pod::PodFacts;
use crate::proxy::{Key as ProxyKey, Proxy, Side};
use crate::rule::{Rule, tls};

/// Over which span traffic is looked at.
pub const SPAN: Span = Span(Duration::from_secs(60));

/// All pairs of a host.
#[derive(Clone, Debug, Default)]
pub struct Gathered {
    /// The pairs, those that do not agree first.
    pub pairs: Vec<TlsPair>,
    /// How many proxies call it; without any there are no pairs.
    pub callers: usize,
    /// Why there may be callers although none was found.
    pub unseen: Option<Missing>,
    /// Why nothing tells of callers without a sidecar that servers refuse, if so.
    pub unlogged: Option<Missing>,
    /// What a person should know: that not every proxy was asked.
    pub notes: Vec<String>,
}

/// Pods of the host that callers cannot tell apart.
struct Group {
    name: String,
    sidecar: bool,
    marked: bool,
    pods: Vec<PodFacts>,
}

/// What the proxies of both sides said.
struct Said {
    clusters: HashMap<ProxyKey, Result<Vec<Configured>, String>>,
    secrets: HashMap<ProxyKey, Result<Secrets, String>>,
    now: Timestamp,
    /// Roots of the mesh, DER, where the ConfigMap could be read.
    roots: Vec<Vec<u8>>,
}

/// Gathers the pairs of a host.
///
/// # Errors
/// What every read of the API server can end in; a proxy that does not answer makes its pair missing instead.
pub fn gather(run: &Run, host: &Host) -> Result<Gathered, Failure> {
    let requests = survey::requests(run, host, SPAN)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let policies = Policies::read(run, host.namespace())?;
    let rules = Rules::read(run, host, &survey.callers)?;
    let groups = groups(&survey);
    let callers = representatives::of(run, &survey.callers, requests.as_ref().ok());
    let servers = representatives::of(run, &survey.servers, requests.as_ref().ok());
    let notes = [representatives::note(&callers, &survey.callers), representatives::note(&servers, &survey.servers)];
    let said = ask(run, host, &callers, &servers)?;
    let used = used(run, host, &callers, &said)?;
    let mut found: Vec<(Caller, Pair)> = Vec::new();
    for proxy in &callers {
        let caller = Caller {
            name: format!("{}.{}", proxy.workload(), proxy.namespace()),
            workload: (proxy.namespace().to_owned(), proxy.workload().to_owned()),
            proxies: vec![Key(proxy.clone())],
            sidecar: true,
        };
        match said.clusters.get(&proxy.key()) {
            Some(Ok(clusters)) => {
                for cluster in clusters.iter().filter(|cluster| cluster.name.is_outbound_to(host.fqdn())) {
                    if !is_wanted(&used, proxy, &cluster.name) {
                        continue;
                    }
                    for group in groups.iter().filter(|group| !group.pods.is_empty()) {
                        merge(
                            &mut found,
                            &caller,
                            pair(host, proxy, &caller, cluster, group, &policies, &rules, &said),
                        );
                    }
                }
            }
            other => {
                let why =
                    other.and_then(|page| page.as_ref().err().cloned()).unwrap_or_else(|| "it was not asked".into());
                let why = Missing::Unreachable(format!("the configuration of {}: {why}", proxy.text()));
                for group in &groups {
                    let blank =
                        blank(host, &caller, group, &policies, host.ports().first().map_or(0, |port| port.number));
                    merge(&mut found, &caller, Pair { verdict: Err(why.clone()), ..blank });
                }
            }
        }
    }
    let mut pairs = Vec::new();
    let mixed = groups.iter().any(|group| !group.sidecar);
    for (caller, pair) in found {
        let failed = traffic::of(run, &requests, &caller, SPAN)?;
        pairs.push(TlsPair::new(Pair { caller, failed, mixed, ..pair }));
    }
    let mut unlogged = None;
    if let Some((group, port)) = strict(host, &groups, &policies) {
        let refused = plaintext::refused(run, host, &survey, requests.as_ref().ok())?;
        unlogged = refused.unseen.clone();
        for (caller, connections) in plaintext::by_caller(run, host, &refused)? {
            let failed = Failed { failed: connections, total: connections, source: plaintext::SOURCE };
            let blank = blank(host, &caller, group, &policies, port);
            let verdict = Ok(Some((Cause::PlaintextCaller, String::new())));
            pairs.push(TlsPair::new(Pair { sends: Some(Transport::Plain), verdict, failed: Ok(failed), ..blank }));
        }
    }
    pairs.sort_by_key(|pair| (matches!(pair.known().verdict, Ok(None)), pair.known().caller.name.clone()));
    Ok(Gathered {
        pairs,
        callers: survey.callers.len(),
        unseen: survey.unseen.clone(),
        unlogged,
        notes: notes.into_iter().flatten().collect(),
    })
}

/// How many connections of callers without a sidecar the servers refused in [`SPAN`]; no proxy is asked for its pages.
///
/// # Errors
/// As [`gather`].
pub fn refused_plaintext(run: &Run, host: &Host) -> Result<Result<f64, Missing>, Failure> {
    let requests = survey::requests(run, host, SPAN)?;
    let survey = survey::survey(run, host, requests.as_ref().ok())?;
    let policies = Policies::read(run, host.namespace())?;
    if strict(host, &groups(&survey), &policies).is_none() {
        return Ok(Ok(0.0));
    }
    let refused = plaintext::refused(run, host, &survey, requests.as_ref().ok())?;
    Ok(refused.unseen.clone().map_or_else(|| Ok(refused.by_address.values().sum()), Err))
}

/// A group with a sidecar of which a port takes mutual TLS only, and that port.
fn strict<'a>(host: &Host, groups: &'a [Group], policies: &Policies) -> Option<(&'a Group, u16)> {
    let nobody = Caller::default();
    let strict = |group: &'a Group| {
        let ports = host.ports().iter().map(|port| port.number);
        let is_strict = |port: &u16| blank(host, &nobody, group, policies, *port).server.effective.mode == Mode::Strict;
        Some((group, ports.into_iter().find(is_strict)?))
    };
    groups.iter().filter(|group| group.sidecar).find_map(strict)
}

fn groups(survey: &Survey) -> Vec<Group> {
    let mut groups = BTreeMap::<(String, bool, bool), Vec<PodFacts>>::new();
    for pod in survey.pods.iter().filter(|pod| pod.is_running) {
        let marked = pod.labels.get("security.istio.io/tlsMode").is_some_and(|mode| mode == "istio");
        let key = (format!("{}.{}", pod.workload, pod.namespace), pod.has_proxy, marked);
        groups.entry(key).or_default().push(pod.clone());
    }
    groups.into_iter().map(|((name, sidecar, marked), pods)| Group { name, sidecar, marked, pods }).collect()
}

/// Asks every proxy once: callers for their clusters, both sides for their certificates.
fn ask(run: &Run, host: &Host, callers: &[Proxy], servers: &[Proxy]) -> Result<Said, Failure> {
    // Both pages of a caller follow each other, so that they come over one stream to its pod.
    let of_callers = callers.iter().flat_map(|proxy| {
        let (namespace, pod) = (proxy.namespace(), proxy.pod());
        [admin::cluster_config(namespace, pod, host.fqdn()), admin::secrets(namespace, pod)]
    });
    let of_servers = servers.iter().map(|proxy| admin::secrets(proxy.namespace(), proxy.pod()));
    let mut replies = moment::read_all(run, of_callers.chain(of_servers).collect()).into_iter();
    let mut page = || -> Result<Result<String, String>, Failure> {
        match replies.next() {
            Some(Ok(reply)) => Ok(admin::body(reply)),
            Some(Err(failure)) => Ok(Err(absorb(failure)?)),
            None => Ok(Err("it was not asked".into())),
        }
    };
    let mut said = Said { clusters: HashMap::new(), secrets: HashMap::new(), now: run.now()?, roots: Vec::new() };
    for proxy in callers {
        let clusters = page()?.and_then(|body| config_dump::parse(&body));
        said.clusters.insert(proxy.key(), clusters);
        let secrets = page()?.and_then(|body| Secrets::parse(&body));
        said.secrets.insert(proxy.key(), secrets);
    }
    for proxy in servers {
        let secrets = page()?.and_then(|body| Secrets::parse(&body));
        said.secrets.insert(proxy.key(), secrets);
    }
    let root = ObjectRef::new(kinds::config_map(), host.namespace(), "istio-ca-root-cert");
    let root = match read::find(run, &root) {
        Ok(root) => root,
        Err(failure) => absorb(failure).map(|_| None)?,
    };
    let pem = root.as_ref().and_then(|root| root.get("data")?.get("root-cert.pem")?.as_str()).unwrap_or_default();
    said.roots = secrets::certificates(pem.as_bytes());
    Ok(said)
}

/// The clusters that carry anything, by proxy; only asked where a proxy has more than one to the host.
fn used(
    run: &Run,
    host: &Host,
    callers: &[Proxy],
    said: &Said,
) -> Result<HashMap<ProxyKey, BTreeSet<ClusterName>>, Failure> {
    let leads = |cluster: &&Configured| cluster.name.is_outbound_to(host.fqdn());
    let several = |proxy: &&Proxy| {
        let page = said.clusters.get(&proxy.key()).and_then(|page| page.as_ref().ok());
        page.is_some_and(|clusters| clusters.iter().filter(leads).count() > 1)
    };
    let proxies: Vec<Proxy> = callers.iter().filter(several).cloned().collect();
    if proxies.is_empty() {
        return Ok(HashMap::new());
    }
    let pages = sample::<Clusters>(run, host, &proxies)?;
    let names = |proxy: &Proxy| -> Option<BTreeSet<ClusterName>> {
        let page = pages.page(proxy)?;
        let used = page.0.iter().filter(|cluster| cluster.name.is_outbound_to(host.fqdn()) && cluster.is_used());
        Some(used.map(|cluster| cluster.name.clone()).collect())
    };
    Ok(proxies.iter().filter_map(|proxy| Some((proxy.key(), names(proxy)?))).collect())
}

/// A cluster that carries nothing harms nobody, unless no cluster carries anything.
fn is_wanted(used: &HashMap<ProxyKey, BTreeSet<ClusterName>>, proxy: &Proxy, name: &ClusterName) -> bool {
    match used.get(&proxy.key()) {
        Some(names) if !names.is_empty() => names.contains(name),
        Some(_) => name.subset.is_empty(),
        None => true,
    }
}

fn blank(host: &Host, caller: &Caller, group: &Group, policies: &Policies, port: u16) -> Pair {
    let target = host.ports().iter().find(|one| one.number == port).and_then(|one| one.target).unwrap_or(port);
    let labels = group.pods.first().map(|pod| pod.labels.clone()).unwrap_or_default();
    let effective = policies.effective(host.namespace(), &labels, target);
    let demand = Demand { sidecar: group.sidecar, marked: group.marked, mode: effective.mode };
    Pair {
        host: host.clone(),
        caller: caller.clone(),
        port: port.to_string(),
        sends: None,
        rule: None,
        server: Server { name: group.name.clone(), pods: group.pods.len(), demand, effective },
        mixed: false,
        verdict: Ok(None),
        failed: Err(Missing::NoSeries(format!("{} was not counted", caller.name))),
    }
}

#[allow(clippy::too_many_arguments, reason = "a pair has as many independent parts")]
fn pair(
    host: &Host,
    proxy: &Proxy,
    caller: &Caller,
    cluster: &Configured,
    group: &Group,
    policies: &Policies,
    rules: &Rules,
    said: &Said,
) -> Pair {
    let mut pair = blank(host, caller, group, policies, cluster.name.port);
    if !cluster.name.subset.is_empty() {
        pair.port = format!("{} {}", cluster.name.port, cluster.name.subset);
    }
    pair.sends = Some(cluster.transport);
    pair.rule = rules.switching(proxy, cluster).and_then(|(object, levels)| {
        let mode = tls::mode_at(object.get("spec")?, levels.first()?)?.to_owned();
        Some((Rule::new(object, host, levels), mode))
    });
    let demand = pair.server.demand;
    pair.verdict = match judge::modes(cluster.transport, demand, pair.rule.is_some()) {
        Some(cause) => Ok(Some((cause, String::new()))),
        None if demand.gets(cluster.transport) == Transport::Mutual => identities(proxy, group, said),
        None => Ok(None),
    };
    pair
}

/// Whether the certificates of a caller and of each pod of a group come to terms.
fn identities(proxy: &Proxy, group: &Group, said: &Said) -> Result<Option<(Cause, String)>, Missing> {
    let missing = |name: String, why: &str| Missing::Unreachable(format!("the certificate of {name}: {why}"));
    let own = match said.secrets.get(&proxy.key()) {
        Some(Ok(own)) => own,
        other => {
            let why = other.and_then(|page| page.as_ref().err()).map_or("it was not asked", String::as_str);
            return Err(missing(proxy.text(), why));
        }
    };
    let key = |pod: &PodFacts| (pod.namespace.clone(), pod.name.clone(), Side::Server);
    // Those that were asked speak for those that were not.
    let some_asked = group.pods.iter().any(|pod| said.secrets.contains_key(&key(pod)));
    let mut unread = None;
    for pod in &group.pods {
        let name = format!("{}.{}", pod.name, pod.namespace);
        match said.secrets.get(&key(pod)) {
            None if some_asked => {}
            Some(Ok(theirs)) => {
                if let Some(cause) = judge::certificates(own, theirs, said.now) {
                    return Ok(Some((cause, shown(cause, (&proxy.text(), own), (&name, theirs), said))));
                }
            }
            other => {
                let why = other.and_then(|page| page.as_ref().err()).map_or("it was not asked", String::as_str);
                unread = Some(missing(name, why));
            }
        }
    }
    unread.map_or(Ok(None), Err)
}

fn shown(cause: Cause, caller: (&str, &Secrets), server: (&str, &Secrets), said: &Said) -> String {
    let both = [caller, server];
    if cause == Cause::Expired {
        let expired = both.iter().filter(|(_, secrets)| secrets.own.is_expired(said.now));
        let parts: Vec<_> = expired
            .map(|(name, secrets)| {
                format!(
                    "the certificate of {name} (serial {}) was valid from {} until {}",
                    secrets.own.serial, secrets.own.from, secrets.own.until
                )
            })
            .collect();
        return parts.join("; ");
    }
    let of = |(name, secrets): &(&str, &Secrets)| {
        let known = said.roots.iter().any(|root| root.as_slice() == secrets.anchor());
        let note = match (said.roots.is_empty(), known) {
            (true, _) => "",
            (false, true) => ", the mesh's present one",
            (false, false) => ", which is not in ConfigMap istio-ca-root-cert",
        };
        format!("{name} has a certificate of root {}{note}", secrets::serial(secrets.anchor()))
    };
    both.iter().map(of).collect::<Vec<_>>().join("; ")
}

/// Proxies of one workload that are treated alike are one pair.
fn merge(found: &mut Vec<(Caller, Pair)>, caller: &Caller, pair: Pair) {
    let kind = |pair: &Pair| match &pair.verdict {
        Ok(verdict) => Ok(verdict.as_ref().map(|(cause, _)| *cause)),
        Err(_) => Err(()),
    };
    let same = |known: &Pair| {
        known.server.name == pair.server.name
            && known.server.demand == pair.server.demand
            && known.port == pair.port
            && known.sends == pair.sends
            && kind(known) == kind(&pair)
    };
    match found.iter_mut().find(|(known, other)| known.name == caller.name && same(other)) {
        Some((known, _)) => known
            .proxies
            .extend(caller.proxies.iter().filter(|key| !known.proxies.contains(key)).cloned().collect::<Vec<_>>()),
        None => found.push((caller.clone(), pair)),
    }
}
