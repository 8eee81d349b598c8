//! How the state of the control plane is gathered: objects first, then every istiod's own pages, then those proxies that
//! no istiod knows.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::effect::{Call, Effect, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, FORBIDDEN, Failure};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::connection::{self, Connection};
use super::istiod::{self, Istiod, Says};
use super::selector::Labels;
use super::webhook::Place;
use super::{ControlPlane, Seen, api_server, configz, metrics, policy, service, syncz, webhook};
use crate::envoy::admin;
use crate::evidence::{absorb, moment, root};
use crate::kubernetes::{kinds, read};
use crate::proxy::pod::{PodFacts, strings};
use crate::text::{count, first_line};

/// How long something may be sent and not acknowledged before it is worth a word. istiod's own debounce and push queue
/// take less than 10 s unless it is overloaded.
const PATIENCE: Duration = Duration::from_secs(30);
/// How many proxies without a connection are asked further.
const EXAMPLES: usize = 5;
/// How much of istiod's log is read.
const LOG_BYTES: u64 = 1 << 20;
/// How many of its last lines are shown.
const LAST_WORDS: usize = 4;

/// Gathers the state of the control plane now.
///
/// # Errors
/// An API server that does not answer, and what a script may not handle. What is forbidden is missing data.
pub fn gather(run: &Run) -> Result<ControlPlane, Failure> {
    match objects(run)? {
        Err(missing) => Ok(ControlPlane::new(String::new(), Err(missing))),
        Ok(objects) => {
            let root = objects.root.clone();
            Ok(ControlPlane::new(root, Ok(look(run, objects)?)))
        }
    }
}

/// The objects that matter.
struct Objects {
    root: String,
    in_root: Vec<Value>,
    pods: Vec<PodFacts>,
    facts: BTreeMap<String, Labels>,
    services: Vec<Value>,
    slices: Vec<Value>,
    policies: Vec<Value>,
    mutating: Vec<Value>,
    validating: Vec<Value>,
    root_certificate: Option<String>,
    revisions: BTreeMap<String, String>,
    notes: Vec<String>,
}

fn items(reply: Result<Reply, Failure>) -> Result<Vec<Value>, Failure> {
    match reply? {
        Reply::Json(Value::Array(items)) => Ok(items),
        _ => Err(Failure::new(&BAD_ANSWER, "a list of the API server is none")),
    }
}

fn objects(run: &Run) -> Result<Result<Objects, Missing>, Failure> {
    let root = root::namespace(run)?;
    let own = |kind: ResourceKind| Effect::list(kind, Some(&root), None);
    let all = |kind: ResourceKind| Effect::list(kind, None, None);
    let effects = vec![
        own(kinds::service()),
        own(kinds::endpoint_slice()),
        own(kinds::network_policy()),
        all(kinds::mutating_webhooks()),
        all(kinds::validating_webhooks()),
        all(kinds::namespace()),
        own(kinds::config_map()),
    ];
    let mut notes = Vec::new();
    let mut replies = moment::read_all(run, effects).into_iter();
    let mut optional = |what: &str| match items(replies.next().expect("each effect is answered")) {
        Err(failure) if failure.is(&FORBIDDEN) => {
            notes.push(format!("{what} may not be listed, so nothing is known of them"));
            Ok(Vec::new())
        }
        listed => listed,
    };
    let (services, slices) = (optional("Services")?, optional("EndpointSlices")?);
    let policies = optional("NetworkPolicies")?;
    let (mutating, validating) =
        (optional("MutatingWebhookConfigurations")?, optional("ValidatingWebhookConfigurations")?);
    let namespaces = optional("namespaces")?;
    let config_maps = optional("ConfigMaps")?;
    let pods = match read::view(run, kinds::pod(), None, None) {
        Err(failure) if failure.is(&FORBIDDEN) => {
            notes.push("pods of all namespaces may not be listed, so nothing is known of them".into());
            None
        }
        pods => Some(pods?),
    };
    let pods: Vec<&Value> = pods.iter().flat_map(read::Listed::iter).collect();
    let in_root = match read::list(run, kinds::pod(), Some(&root), None) {
        Err(failure) if failure.is(&FORBIDDEN) => return Ok(Err(Missing::Unreachable(failure.message))),
        in_root => in_root?,
    };
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let certificate =
        config_maps.iter().find(|one| one.pointer("/metadata/name") == Some(&Value::from("istio-ca-root-cert")));
    let revisions = pods.iter().filter_map(|pod| {
        let annotations = pod.pointer("/metadata/annotations")?;
        let name = format!("{}.{}", text(pod, "/metadata/name")?, text(pod, "/metadata/namespace")?);
        Some((name, annotations.get("istio.io/rev")?.as_str()?.to_owned()))
    });
    Ok(Ok(Objects {
        revisions: revisions.collect(),
        facts: namespaces
            .iter()
            .filter_map(|one| Some((text(one, "/metadata/name")?, strings(one.pointer("/metadata/labels")))))
            .collect(),
        root_certificate: certificate
            .and_then(|one| one.pointer("/data")?.get("root-cert.pem")?.as_str())
            .map(str::to_owned),
        pods: pods.iter().copied().map(PodFacts::of).collect(),
        root,
        in_root,
        services,
        slices,
        policies,
        mutating,
        validating,
        notes,
    }))
}

fn look(run: &Run, objects: Objects) -> Result<Seen, Failure> {
    let now = run.now()?;
    let mut istiods: Vec<Istiod> = objects
        .in_root
        .iter()
        .filter(|pod| pod.pointer("/metadata/labels/app") == Some(&Value::from("istiod")))
        .filter(|pod| !matches!(pod.pointer("/status/phase").and_then(Value::as_str), Some("Succeeded" | "Failed")))
        .map(Istiod::of)
        .collect();
    let mut notes = objects.notes;
    run.progress(Some(&format!("asking {}", count(istiods.len(), "istiod", "istiods"))));
    ask(run, &mut istiods)?;
    last_words(run, &mut istiods)?;
    configz::compare(run, &mut istiods)?;
    let mut connections = connections(run, &istiods, &objects.pods, &objects.revisions, now)?;
    run.progress(None);
    connections.sort_by(|a, b| a.proxy.cmp(&b.proxy));

    let in_root: Vec<PodFacts> = objects.in_root.iter().map(PodFacts::of).collect();
    let services = service::find(&objects.services, &objects.slices, &istiods, &in_root);
    let places: Vec<Place> = objects
        .facts
        .iter()
        .map(|(name, labels)| Place {
            name: name.clone(),
            labels: labels.clone(),
            pods: objects
                .pods
                .iter()
                .filter(|pod| pod.namespace == *name && !pod.is_terminating)
                .map(|pod| pod.labels.clone())
                .collect(),
        })
        .collect();
    let mut webhooks =
        webhook::find("MutatingWebhookConfiguration", &objects.mutating, &services, &objects.root, &places);
    webhooks.extend(webhook::find(
        "ValidatingWebhookConfiguration",
        &objects.validating,
        &services,
        &objects.root,
        &places,
    ));

    let shut_off = shut_off(&istiods, &objects.policies, &objects.pods, &objects.facts, &objects.root);
    // A policy that nobody obeys shuts nothing: only where it keeps proxies off is it taken to keep the API server off.
    let obeyed = connections.iter().any(|one| one.is_lost() && shut_off.proxies.contains(&one.proxy));
    if shut_off.webhooks && obeyed {
        for webhook in webhooks.iter_mut().filter(|one| one.service.0 == objects.root) {
            webhook.shut_off = true;
        }
    }
    let (api_latency, late) = api_server::look(run, &istiods, &mut notes)?;
    Ok(Seen {
        now,
        istiods,
        services,
        webhooks,
        connections,
        policies: objects.policies,
        mutating: objects.mutating,
        namespaces: objects.facts,
        pods: objects.pods,
        shut_off,
        root_certificate: objects.root_certificate,
        api_latency,
        late,
        notes,
    })
}

/// Asks each istiod that runs for its version, and those that answer for their proxies and metrics: one that does not would
/// make everybody wait for each page anew.
fn ask(run: &Run, istiods: &mut [Istiod]) -> Result<(), Failure> {
    const PAGES: [(&str, &str); 2] = [("sync state", "/debug/syncz"), ("metrics", "/metrics")];
    let running: Vec<usize> = (0..istiods.len()).filter(|index| istiods[*index].running).collect();
    let versions = running.iter().map(|index| get(&istiods[*index], "version", "/version")).collect();
    let mut answering = Vec::new();
    for (index, reply) in running.into_iter().zip(run.read_all(versions)) {
        match reply {
            Ok(reply) => answering.push((index, page(reply).unwrap_or_default())),
            Err(failure) => istiods[index].says = Some(Err(absorb(failure)?)),
        }
    }
    let effects = answering.iter().flat_map(|(index, _)| {
        let istiod = &istiods[*index];
        PAGES.map(|(what, path)| get(istiod, what, path))
    });
    let mut replies = run.read_all(effects.collect()).into_iter();
    for (index, version) in answering {
        let mut next = || match replies.next().expect("each istiod is asked for each page") {
            Ok(reply) => Ok(page(reply)),
            Err(failure) => absorb(failure).map(Err),
        };
        let (synced, figures) = (next()?, next()?);
        istiods[index].says = Some(said(&version, synced, figures));
    }
    Ok(())
}

/// A request for one of istiod's pages.
pub(crate) fn get(istiod: &Istiod, what: &str, path: &str) -> Effect {
    Effect::page(&istiod.namespace, &istiod.pod, istiod.port, format!("istiod's {what}"), path)
}

/// The body of an answer of istiod.
pub(crate) fn page(reply: Reply) -> Result<String, String> {
    admin::body_of("its port", reply)
}

fn said(version: &str, synced: Result<String, String>, figures: Result<String, String>) -> Result<Says, String> {
    let proxies = synced.and_then(|page| syncz::parse(&page))?;
    let figures = figures.unwrap_or_default();
    let sum = |name: &str| metrics::sum(&figures, name, &[]);
    let convergence = sum("pilot_proxy_convergence_time_sum").zip(sum("pilot_proxy_convergence_time_count"));
    Ok(Says {
        version: istiod::version(version),
        proxies,
        pushes: sum("pilot_xds_pushes"),
        rejects: sum("pilot_total_xds_rejects"),
        convergence: convergence.filter(|(_, count)| *count > 0.0).map(|(sum, count)| sum / count),
        root_expires: sum("citadel_server_root_cert_expiry_timestamp"),
    })
}

pub(super) fn log(istiod: &Istiod, since: Duration) -> Effect {
    let call = Call::Logs {
        namespace: istiod.namespace.clone(),
        pod: istiod.pod.clone(),
        container: "discovery".into(),
        since_seconds: Some(since.as_secs()),
        limit_bytes: LOG_BYTES,
        tail_lines: None,
        timestamps: false,
        previous: false,
    };
    Effect::read(format!("Pod {}/{}", istiod.namespace, istiod.pod), "istiod's log", call)
}

/// What those that crash said last: of a container that waits, the kubelet gives the log of its last life.
fn last_words(run: &Run, istiods: &mut [Istiod]) -> Result<(), Failure> {
    let crashing: Vec<usize> = (0..istiods.len()).filter(|index| istiods[*index].crashes()).collect();
    let effects = crashing.iter().map(|index| log(&istiods[*index], Duration::from_secs(3600))).collect();
    for (index, reply) in crashing.iter().zip(run.read_all(effects)) {
        match reply {
            Ok(Reply::Text(text)) => {
                let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
                let last = lines.iter().skip(lines.len().saturating_sub(LAST_WORDS));
                istiods[*index].last_words =
                    last.map(|line| first_line(&without_time(line).replace('\t', "  "))).collect();
            }
            Ok(_) => {}
            Err(failure) => istiods[*index].last_words = vec![format!("its log cannot be read: {}", absorb(failure)?)],
        }
    }
    Ok(())
}

/// A line of istiod's log without the time at its beginning.
fn without_time(line: &str) -> &str {
    match line.split_once('\t') {
        Some((time, rest)) if time.parse::<Timestamp>().is_ok() => rest,
        _ => line,
    }
}

/// The proxies of the mesh: by the istiod that knows them; those that none knows are asked themselves.
fn connections(
    run: &Run,
    istiods: &[Istiod],
    pods: &[PodFacts],
    revisions: &BTreeMap<String, String>,
    now: Timestamp,
) -> Result<Vec<Connection>, Failure> {
    let mut known = BTreeMap::new();
    for istiod in istiods {
        for proxy in istiod.answer().into_iter().flat_map(|says| &says.proxies) {
            known.insert(proxy.proxy.as_str(), (istiod, proxy));
        }
    }
    let mut all = Vec::new();
    let mut strangers = Vec::new();
    for pod in pods.iter().filter(|pod| pod.has_proxy && pod.is_running) {
        let proxy = format!("{}.{}", pod.name, pod.namespace);
        let found = known.get(proxy.as_str());
        if found.is_none() {
            strangers.push((all.len(), pod));
        }
        let behind = found.map(|(_, synced)| {
            let old = |sent: &Option<Timestamp>| {
                sent.is_none_or(|sent| Duration::try_from(now.duration_since(sent)).unwrap_or_default() > PATIENCE)
            };
            synced.waiting.iter().filter(|(_, sent)| old(sent)).map(|(kind, _)| kind.clone()).collect()
        });
        all.push(Connection {
            revision: revisions.get(&proxy).cloned().unwrap_or_else(|| "default".into()),
            proxy,
            istiod: found.map(|(istiod, _)| istiod.pod.clone()),
            own: None,
            agent: None,
            behind: behind.unwrap_or_default(),
        });
    }
    if !strangers.is_empty() {
        run.progress(Some(&format!("asking {} that no istiod knows", count(strangers.len(), "proxy", "proxies"))));
    }
    let effects = strangers.iter().map(|(_, pod)| connection::statistics(&pod.namespace, &pod.name)).collect();
    for ((index, _), reply) in strangers.iter().zip(run.read_all(effects)) {
        all[*index].own = Some(match reply {
            Ok(reply) => admin::body(reply).and_then(|body| connection::parse(&body)),
            Err(failure) => Err(absorb(failure)?),
        });
    }
    let lost: Vec<_> = strangers.iter().filter(|(index, _)| all[*index].is_lost()).take(EXAMPLES).copied().collect();
    let effects = lost.iter().flat_map(|(_, pod)| {
        [connection::agent(&pod.namespace, &pod.name), connection::bootstrap(&pod.namespace, &pod.name)]
    });
    let mut replies = run.read_all(effects.collect()).into_iter();
    for (index, _) in lost {
        let mut next = || -> Result<Option<String>, Failure> {
            match replies.next() {
                Some(Ok(reply)) => Ok(page(reply).ok()),
                Some(Err(failure)) => absorb(failure).map(|_| None),
                None => Ok(None),
            }
        };
        let (agent, bootstrap) = (next()?, next()?);
        let failed = agent.and_then(|page| {
            metrics::sum(&page, "istio_agent_istiod_connection_failures", &[])
                .or_else(|| metrics::sum(&page, "istio_agent_istiod_connection_terminations", &["type=\"error\""]))
        });
        all[index].agent = failed.zip(bootstrap.and_then(|page| connection::discovery_address(&page)));
    }
    Ok(all)
}

/// The proxies that the NetworkPolicies keep from every ready istiod, with the policies; and whether the API server is
/// kept from the webhook's port.
fn shut_off(
    istiods: &[Istiod],
    policies: &[Value],
    pods: &[PodFacts],
    namespaces: &BTreeMap<String, Labels>,
    root: &str,
) -> super::ShutOff {
    let ready: Vec<_> = istiods
        .iter()
        .filter(|istiod| istiod.ready)
        .map(|istiod| policy::selecting(policies, &istiod.labels))
        .collect();
    if ready.is_empty() {
        return super::ShutOff::default();
    }
    let labels_of = |name: &str| namespaces.get(name).cloned();
    let proxies = pods.iter().filter(|pod| pod.has_proxy && pod.is_running);
    let kept =
        proxies.filter(|pod| ready.iter().all(|chosen| !policy::admit(chosen, policy::XDS, root, pod, labels_of)));
    let names: BTreeSet<String> = ready
        .iter()
        .flatten()
        .filter_map(|one| one.pointer("/metadata/name").and_then(Value::as_str))
        .map(str::to_owned)
        .collect();
    super::ShutOff {
        proxies: kept.map(|pod| format!("{}.{}", pod.name, pod.namespace)).collect(),
        webhooks: ready.iter().all(|chosen| !policy::opens(chosen, policy::WEBHOOK)),
        policies: names.into_iter().collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_at_the_beginning_goes() {
        assert_eq!(without_time("2026-01-05T09:01:20.000000Z\terror\tno certificate"), "error\tno certificate");
        assert_eq!(without_time("panic: no\tcertificate"), "panic: no\tcertificate");
    }
}
