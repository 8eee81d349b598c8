//! Who calls a host, and who answers.
//!
//! Callers are the workloads that telemetry names; without telemetry, the proxies that have sent anything to the host.
//! That a proxy knows the host says nothing: by default every sidecar knows every host.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use super::sampler::{Clusters, Snapshot, sample};
use super::{absorb, gateways, root};
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::prometheus::{self, requests::Requests};
use crate::proxy::pod::PodFacts;
use crate::proxy::{Proxy, Side};
use crate::text::{count, some};

/// For how long a survey speaks for now.
const FRESH: Duration = Duration::from_secs(60);

/// How many proxies are asked at most whether they call a host. Beyond it telemetry has to say who calls.
const MOST: usize = 1000;

/// Who calls a host, and who answers.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// Proxies that send requests to it.
    pub callers: Vec<Proxy>,
    /// Proxies of its own pods.
    pub servers: Vec<Proxy>,
    /// Its own pods, with or without a proxy.
    pub pods: Vec<PodFacts>,
    /// What a person should know: callers that could not be asked, and why.
    pub notes: Vec<String>,
    /// Why there may be callers although none was found.
    pub unseen: Option<Missing>,
}

impl Survey {
    /// Whether all that could call it was asked, and nobody does.
    pub fn is_uncalled(&self) -> bool {
        self.callers.is_empty() && matches!(self.unseen, Some(Missing::NoSeries(_)))
    }
}

#[derive(Default)]
struct Surveys(Mutex<HashMap<String, (Timestamp, Arc<Survey>)>>);

/// The requests to a host over a span, from Prometheus.
///
/// # Errors
/// What a script may not handle.
pub fn requests(run: &Run, host: &Host, span: Span) -> Result<Result<Requests, Missing>, Failure> {
    let answer = prometheus::ask_with_time(
        run,
        &format!("requests to {} over {span}", host.text()),
        prometheus::requests::query(host.fqdn(), span),
    )?;
    Ok(answer.map(|(series, now)| Requests::new(series, span, now)))
}

/// Surveys a host, or recalls what was found less than a minute ago.
///
/// # Errors
/// What every read of the API server can end in.
pub fn survey(run: &Run, host: &Host, requests: Option<&Requests>) -> Result<Arc<Survey>, Failure> {
    let now = run.now()?;
    let surveys = run.kept::<Surveys>();
    if let Some((at, survey)) = surveys.0.lock().unwrap_or_else(PoisonError::into_inner).get(host.fqdn())
        && now.duration_since(*at) < FRESH.try_into().unwrap_or_default()
    {
        return Ok(Arc::clone(survey));
    }
    let survey = Arc::new(look(run, host, requests.filter(|requests| !requests.is_empty()))?);
    surveys.0.lock().unwrap_or_else(PoisonError::into_inner).insert(host.fqdn().to_owned(), (now, Arc::clone(&survey)));
    Ok(survey)
}

fn look(run: &Run, host: &Host, requests: Option<&Requests>) -> Result<Survey, Failure> {
    let named = requests.map(Requests::callers).unwrap_or_default();
    let namespaces: Vec<&str> = [host.namespace(), run.namespace()]
        .into_iter()
        .chain(named.iter().map(|(_, namespace, _)| namespace.as_str()))
        .collect();
    let (pods, narrowed) = read::view_widely(run, &kinds::pod(), &namespaces)?;
    let pods: Vec<PodFacts> = pods.iter().flat_map(read::Listed::iter).map(PodFacts::of).collect();
    let mut survey =
        Survey { notes: narrowed.into_iter().map(|note| format!("looked at {note}")).collect(), ..Survey::default() };
    survey.pods = pods
        .iter()
        .filter(|pod| pod.namespace == host.namespace() && pod.is_selected(host.selector()))
        .cloned()
        .collect();
    survey.servers = survey
        .pods
        .iter()
        .filter(|pod| pod.has_proxy && pod.is_running)
        .map(|pod| Proxy::new(pod, Side::Server, host))
        .collect();
    if named.is_empty() {
        by_traffic(run, host, &pods, &mut survey)?;
    } else {
        by_telemetry(run, host, &pods, &named, &here(&pods, requests), &mut survey)?;
    }
    if requests.is_some_and(Requests::from_unknown) {
        survey.notes.push("some callers have no sidecar: their requests have no circuit breaker of their own".into());
    }
    Ok(survey)
}

/// The names of this cluster: as its sidecars are told, else as its servers report themselves.
fn here(pods: &[PodFacts], requests: Option<&Requests>) -> BTreeSet<String> {
    let told: BTreeSet<String> = pods.iter().filter_map(|pod| pod.cluster.clone()).collect();
    let reported = || requests.map(Requests::clusters).unwrap_or_default().into_iter().map(str::to_owned).collect();
    if told.is_empty() { reported() } else { told }
}

/// The pods of the workloads that telemetry names.
fn by_telemetry(
    run: &Run,
    host: &Host,
    pods: &[PodFacts],
    named: &BTreeSet<(String, String, String)>,
    local: &BTreeSet<String>,
    survey: &mut Survey,
) -> Result<(), Failure> {
    let ambient = ambient_namespaces(run)?;
    let (mut remote, mut in_ambient, mut gone) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    let mut callers = BTreeMap::new();
    for (cluster, namespace, workload) in named {
        let name = format!("{workload}.{namespace}");
        if !cluster.is_empty() && !local.is_empty() && !local.contains(cluster) {
            remote.insert(format!("{name} (cluster {cluster})"));
            continue;
        }
        let own: Vec<_> = pods.iter().filter(|pod| pod.namespace == *namespace && belongs(pod, workload)).collect();
        let proxies: Vec<_> = own
            .iter()
            .filter(|pod| pod.has_proxy && pod.is_running)
            .map(|pod| Proxy::new(pod, Side::Caller, host))
            .collect();
        if proxies.is_empty() {
            let is_ambient = own.iter().any(|pod| pod.is_ambient) || (!own.is_empty() && ambient.contains(namespace));
            if is_ambient {
                in_ambient.insert(name)
            } else {
                gone.insert(name)
            };
        }
        callers.extend(proxies.into_iter().map(|proxy| (proxy.key(), proxy)));
    }
    survey.callers = callers.into_values().collect();
    let names = |set: &BTreeSet<String>| some(&set.iter().cloned().collect::<Vec<_>>(), 5);
    if !gone.is_empty() {
        survey
            .notes
            .push(format!("callers that telemetry names but that have no running proxy here: {}", names(&gone)));
    }
    if !remote.is_empty() {
        survey.notes.push(format!("callers in other clusters, not asked: {}", names(&remote)));
        survey.unseen = Some(Missing::NotExported(format!(
            "the callers {} belong to other clusters, whose proxies cannot be reached from here",
            names(&remote)
        )));
    }
    if !in_ambient.is_empty() {
        survey.notes.push(format!("callers in ambient mode, which have no Envoy of their own: {}", names(&in_ambient)));
        survey.unseen = Some(Missing::NotExported(format!(
            "the callers {} run in ambient mode: ztunnel has no circuit breaker statistics",
            names(&in_ambient)
        )));
    }
    Ok(())
}

/// Without telemetry: the proxies that have sent anything to the host since they started.
fn by_traffic(run: &Run, host: &Host, pods: &[PodFacts], survey: &mut Survey) -> Result<(), Failure> {
    let mut candidates: Vec<_> = pods.iter().filter(|pod| pod.has_proxy && pod.is_running).collect();
    // Callers from the service's own namespace are the likeliest.
    candidates.sort_by_key(|pod| pod.namespace != host.namespace());
    let left_out = candidates.len().saturating_sub(MOST);
    candidates.truncate(MOST);
    let candidates: Vec<_> = candidates.into_iter().map(|pod| Proxy::new(pod, Side::Caller, host)).collect();
    let pages = sample::<Clusters>(run, host, &candidates)?;
    survey.callers = candidates.iter().filter(|proxy| sends_to(&pages, proxy, host)).cloned().collect();
    let silent: Vec<_> = pages.silent().collect();
    if let Some((_, why)) = silent.first() {
        let names: Vec<_> = silent.iter().map(|(name, _)| name.clone()).collect();
        survey.notes.push(format!(
            "{} did not answer: {} ({why})",
            count(silent.len(), "proxy", "proxies"),
            some(&names, 5)
        ));
    }
    let leaving = pods.iter().filter(|pod| pod.has_proxy && pod.is_terminating).count();
    if leaving > 0 {
        survey.notes.push(format!("{} being deleted, not asked", count(leaving, "pod is", "pods are")));
    }
    if left_out > 0 {
        survey.notes.push(format!("{left_out} further proxies were not asked: {MOST} are the most without telemetry"));
    }
    if !survey.callers.is_empty() {
        return Ok(());
    }
    // A gateway whose routes lead to the host may have failed to send it anything: a cluster that is not there counts nothing.
    let led = gateways::domains(run, &candidates)?;
    survey.callers =
        candidates.iter().filter(|proxy| led.get(&proxy.key()).is_some_and(|to| !to.is_empty())).cloned().collect();
    if !survey.callers.is_empty() {
        return Ok(());
    }
    // A cluster without hosts has no counters by host: then whoever knows it may be calling.
    let empty = |proxy: &&Proxy| {
        pages
            .page(proxy)
            .is_some_and(|page| page.0.iter().any(|c| c.name.is_outbound_to(host.fqdn()) && c.hosts.is_empty()))
    };
    let knowing: Vec<_> = candidates
        .iter()
        .filter(|proxy| proxy.namespace() == host.namespace())
        .filter(empty)
        .take(50)
        .cloned()
        .collect();
    if !knowing.is_empty() {
        survey
            .notes
            .push("the host has no endpoint, so every proxy of its namespace that knows it counts as a caller".into());
        survey.callers = knowing;
        return Ok(());
    }
    survey.unseen = Some(why_none(run, host, pods, candidates.len(), silent.len(), left_out)?);
    Ok(())
}

fn sends_to(pages: &Snapshot<Clusters>, proxy: &Proxy, host: &Host) -> bool {
    pages
        .page(proxy)
        .is_some_and(|page| page.0.iter().any(|cluster| cluster.name.is_outbound_to(host.fqdn()) && cluster.is_used()))
}

fn why_none(
    run: &Run,
    host: &Host,
    pods: &[PodFacts],
    asked: usize,
    silent: usize,
    left_out: usize,
) -> Result<Missing, Failure> {
    let ambient = ambient_namespaces(run)?;
    if asked > 0 && silent == asked {
        return Ok(Missing::Unreachable(format!("none of {} answered", count(asked, "proxy", "proxies"))));
    }
    if pods.iter().any(|pod| !pod.has_proxy && (pod.is_ambient || ambient.contains(&pod.namespace))) {
        return Ok(Missing::NotExported(format!(
            "no sidecar calls {}, but pods here run in ambient mode, where callers have no Envoy of their own",
            host.text()
        )));
    }
    if pods.iter().any(|pod| pod.labels.get("istio").is_some_and(|istio| istio == "eastwestgateway")) {
        return Ok(Missing::NotExported(format!(
            "no sidecar of this cluster calls {}, but the mesh has an east-west gateway: callers may be in other clusters",
            host.text()
        )));
    }
    if silent + left_out > 0 {
        return Ok(Missing::Unreachable(format!(
            "no proxy that answered calls {}, and {} were not heard",
            host.text(),
            silent + left_out
        )));
    }
    Ok(Missing::NoSeries(format!(
        "nobody calls {}: none of {} has sent it a request",
        host.text(),
        count(asked, "proxy", "proxies")
    )))
}

/// Whether a pod belongs to a workload, as Istio names workloads: by its Deployment, or by its canonical name.
fn belongs(pod: &PodFacts, workload: &str) -> bool {
    pod.workload == workload || pod.labels.get("service.istio.io/canonical-name").is_some_and(|name| name == workload)
}

fn ambient_namespaces(run: &Run) -> Result<BTreeSet<String>, Failure> {
    let namespaces = match read::list(run, kinds::namespace(), None, Some("istio.io/dataplane-mode=ambient")) {
        Ok(namespaces) => namespaces,
        Err(failure) => absorb(failure).map(|_| Vec::new())?,
    };
    let name = |object: &serde_json::Value| {
        object.pointer("/metadata/name").and_then(serde_json::Value::as_str).map(str::to_owned)
    };
    Ok(namespaces.iter().filter_map(name).filter(|name| name != root::ISTIO_SYSTEM).collect())
}
