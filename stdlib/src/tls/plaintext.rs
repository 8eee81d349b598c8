//! Callers without a sidecar whose connections servers refuse: only the servers' access logs know of them.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;

use super::Caller;
use super::gather::SPAN;
use crate::evidence::logs;
use crate::evidence::survey::Survey;
use crate::host::Host;
use crate::kubernetes::{kinds, read};
use crate::prometheus::requests::{Reporter, Requests};
use crate::proxy::pod::PodFacts;
use crate::text::some;

/// Where the figures are from.
pub const SOURCE: &str = "access logs of the servers: NR filter_chain_not_found";

/// For how long refused connections that were read from logs speak for now.
const FRESH: Duration = Duration::from_secs(60);

/// Connections that servers refused for want of a filter chain.
#[derive(Debug, Default)]
pub struct Refused {
    /// How many, by the address they came from.
    pub by_address: BTreeMap<String, f64>,
    /// Why there may be some although none was found.
    pub unseen: Option<Missing>,
}

#[derive(Default)]
struct Kept(Mutex<HashMap<String, (Timestamp, Arc<Refused>)>>);

/// Reads the servers' access logs, or recalls what they said less than a minute ago.
///
/// # Errors
/// What a script may not handle, and what listing pods can end in.
pub fn refused(run: &Run, host: &Host, survey: &Survey, requests: Option<&Requests>) -> Result<Arc<Refused>, Failure> {
    let now = run.now()?;
    let kept = run.kept::<Kept>();
    if let Some((at, refused)) = kept.0.lock().unwrap_or_else(PoisonError::into_inner).get(host.fqdn())
        && now.duration_since(*at) < FRESH.try_into().unwrap_or_default()
    {
        return Ok(Arc::clone(refused));
    }
    let mut refused = Refused::default();
    let mut is_logged = false;
    for lines in logs::read(run, &survey.servers, SPAN)?.into_values().flatten() {
        is_logged |= !lines.entries.is_empty();
        for entry in lines.entries.iter().filter(|entry| entry.has("NR") && entry.cluster.is_none()) {
            *refused.by_address.entry(entry.peer.clone()).or_default() += 1.0;
        }
    }
    if !is_logged && is_called(survey, requests) {
        refused.unseen = unseen(run, host)?;
    }
    let refused = Arc::new(refused);
    kept.0.lock().unwrap_or_else(PoisonError::into_inner).insert(host.fqdn().to_owned(), (now, Arc::clone(&refused)));
    Ok(refused)
}

/// Whether servers have had requests of which a log would speak.
fn is_called(survey: &Survey, requests: Option<&Requests>) -> bool {
    match requests.map(|requests| requests.seen_by(Reporter::Destination)) {
        Some(Ok(counted)) => counted.values().map(|answers| answers.total).sum::<f64>() >= 1.0,
        _ => !survey.callers.is_empty(),
    }
}

/// Pods that have no sidecar, in the namespace of a host whose servers log nothing: whether they are refused, nobody sees.
fn unseen(run: &Run, host: &Host) -> Result<Option<Missing>, Failure> {
    let pods = read::view(run, kinds::pod(), Some(host.namespace()), None)?;
    let pods = pods.iter().map(PodFacts::of);
    let plain =
        pods.filter(|pod| pod.is_running && !pod.has_proxy && !pod.is_ambient && !pod.is_selected(host.selector()));
    let names: Vec<String> = plain.map(|pod| format!("{}.{}", pod.name, pod.namespace)).collect();
    Ok((!names.is_empty()).then(|| {
        Missing::NotExported(format!(
            "{} takes mutual TLS only, and whether it refuses pods without a sidecar ({}) stands in the access log of its proxies alone, which is off",
            host.text(),
            some(&names, 3)
        ))
    }))
}

/// The callers that were refused, each with its connections. A sidecar that sends plain text is not among them: it is
/// seen by its configuration.
///
/// # Errors
/// What listing pods can end in.
pub fn by_caller(run: &Run, host: &Host, refused: &Refused) -> Result<Vec<(Caller, f64)>, Failure> {
    if refused.by_address.is_empty() {
        return Ok(Vec::new());
    }
    let (pods, _) = read::view_widely(run, &kinds::pod(), &[host.namespace(), run.namespace()])?;
    let pods: Vec<PodFacts> = pods.iter().flat_map(read::Listed::iter).map(PodFacts::of).collect();
    let mut by_caller = BTreeMap::<String, (Caller, f64)>::new();
    for (address, connections) in &refused.by_address {
        let pod = pods.iter().find(|pod| pod.ip.as_ref() == Some(address) && pod.is_running);
        if pod.is_some_and(|pod| pod.has_proxy) {
            continue;
        }
        let caller = match pod {
            Some(pod) => Caller {
                name: format!("{}.{}", pod.workload, pod.namespace),
                workload: (pod.namespace.clone(), pod.workload.clone()),
                ..Caller::default()
            },
            None => Caller { name: format!("{address} (no pod of this cluster)"), ..Caller::default() },
        };
        by_caller.entry(caller.name.clone()).or_insert((caller, 0.0)).1 += connections;
    }
    Ok(by_caller.into_values().collect())
}
