//! What is wrong with the control plane: its causes, the gravest first.

use std::collections::BTreeSet;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::{Value, json};

use super::api_server::API_BOUND;
use super::gather::gather;
use super::istiod::Istiod;
use super::pem::{certificates, decoded};
use super::selector::Labels;
use super::webhook::Webhook;
use super::{Seen, cause, policy};
use crate::finding::{Diagnosis, Finding};
use crate::revision::labels;
use crate::text::{and, count, figure, percent, some};

/// The runbook that deals with all of them.
pub const RUNBOOK: &str = "troubleshooting/control-plane-down.rhai";
/// Late is not never: the harm of what only delays changes counts a quarter.
const LATE: f64 = 0.25;
/// How many lines of a log make it certain that the API server did not answer.
const LINES: usize = 3;

/// Looks at the control plane, and says what is wrong with it.
///
/// # Errors
/// An API server that does not answer, and what a script may not handle.
pub fn diagnose(run: &Run) -> Result<Diagnosis, Failure> {
    let plane = gather(run)?;
    Ok(plane.outcome().and_then(|seen| causes(plane.root(), seen)))
}

/// The causes in what was seen; why nothing can be said, if so.
pub fn causes(root: &str, seen: &Seen) -> Diagnosis {
    let mut all = Look { root, seen, found: Vec::new(), blamed: BTreeSet::new() };
    all.istiods()?;
    all.policies();
    all.services();
    all.silent();
    all.webhooks();
    all.injectors();
    all.authority();
    all.stale();
    all.api_server();
    all.disconnected();
    let mut found = all.found;
    found.sort_by(|a, b| b.harm.total_cmp(&a.harm));
    if found.is_empty() {
        // Nothing was found; whether that is much depends on who answered.
        let silent: Vec<_> = seen
            .istiods
            .iter()
            .filter_map(|istiod| Some((istiod, istiod.says.as_ref()?.as_ref().err()?)))
            .map(|(istiod, why)| format!("{}: {}", istiod.pod, crate::text::first_line(why)))
            .collect();
        if !silent.is_empty() {
            return Err(Missing::Unreachable(format!(
                "{} did not answer: {}",
                count(silent.len(), "istiod", "istiods"),
                some(&silent, 3)
            )));
        }
        let unheard = seen.connections.iter().filter(|one| one.is_silent()).count();
        if unheard > 0 && unheard == seen.connections.len() {
            return Err(Missing::Unreachable("no istiod knows any proxy, and no proxy answered".into()));
        }
    }
    Ok(found)
}

struct Look<'a> {
    root: &'a str,
    seen: &'a Seen,
    found: Vec<Finding>,
    /// Revisions whose istiods are already found to be out of reach.
    blamed: BTreeSet<String>,
}

impl Look<'_> {
    fn add(&mut self, cause: &'static str, what: String, evidence: Vec<String>, harm: f64) {
        let harm = harm.clamp(0.0, 1.0);
        let harms = match cause {
            cause::SLOW_API => "all, by delay".into(),
            cause::WEBHOOK | cause::NO_INJECTOR => "what is new".into(),
            _ if harm == 0.0 => "no proxy yet".into(),
            _ => format!("{} of the proxies", percent(harm)),
        };
        self.found.push(Finding { cause, what, evidence, harm, harms, runbook: RUNBOOK, arguments: Vec::new() });
    }

    /// The share of the proxies for which something holds; all, where there is no proxy to count.
    fn share(&self, mut holds: impl FnMut(&super::Connection) -> bool) -> f64 {
        if self.seen.connections.is_empty() {
            return 1.0;
        }
        ratio(self.seen.connections.iter().filter(|one| holds(one)).count(), self.seen.connections.len())
    }

    fn istiods(&mut self) -> Result<(), Missing> {
        let seen = self.seen;
        if seen.istiods.is_empty() {
            if seen.connections.is_empty() && seen.webhooks.is_empty() {
                return Err(Missing::NoSeries(format!(
                    "no istiod, no webhook and no proxy: is Istio installed, and in namespace {}?",
                    self.root
                )));
            }
            let lost = seen.connections.iter().filter(|one| one.is_lost()).count();
            if lost == 0 && !seen.connections.is_empty() {
                return Err(Missing::Unreachable(format!(
                    "namespace {} has no istiod, and no proxy misses one: it runs outside of this cluster",
                    self.root
                )));
            }
            let harm = self.share(super::Connection::is_lost);
            let what = format!(
                "namespace {} has no pod of istiod: {} without a connection",
                self.root,
                count(lost, "proxy is", "proxies are")
            );
            let next = format!(
                "next: kubectl get deployments -n {} -l app=istiod, and find out who scaled it down",
                self.root
            );
            self.add(cause::NO_ISTIOD, what, vec![next], harm);
            self.blamed.extend(seen.services.iter().map(|service| service.revision.clone()));
            return Ok(());
        }
        let revisions: BTreeSet<&str> = seen.istiods.iter().map(|istiod| istiod.revision.as_str()).collect();
        for revision in revisions {
            let own: Vec<&Istiod> = seen.istiods.iter().filter(|istiod| istiod.revision == revision).collect();
            let crashing: Vec<&Istiod> = own.iter().copied().filter(|istiod| istiod.crashes()).collect();
            let waiting: Vec<&Istiod> =
                own.iter().copied().filter(|istiod| !istiod.ready && !istiod.crashes()).collect();
            let all_gone = crashing.len() + waiting.len() == own.len();
            // Its proxies find another istiod of their revision, if there is one; if not, those whose connection still
            // seems to be there learn of nothing either.
            let harm = self.share(|one| one.revision == revision && (all_gone || one.is_lost()));
            if !crashing.is_empty() {
                let (what, evidence) = self.crash(&crashing, own.len(), all_gone);
                self.add(cause::CRASH_LOOP, what, evidence, harm);
            }
            if !waiting.is_empty() {
                let states: Vec<_> =
                    waiting.iter().map(|istiod| format!("{} is {}", istiod.pod, istiod.state())).collect();
                let next = format!("next: kubectl describe pod -n {} {}", self.root, waiting[0].pod);
                self.add(cause::NOT_STARTED, and(&states), vec![next], harm);
            }
            if all_gone {
                self.blamed.insert(revision.to_owned());
            }
        }
        Ok(())
    }

    fn crash(&self, crashing: &[&Istiod], of: usize, all_gone: bool) -> (String, Vec<String>) {
        let first = crashing[0];
        let ended = first.ended.clone().unwrap_or_else(|| "for no reason that is known".into());
        let who = if of == 1 {
            format!("the only istiod of revision {} crashes", first.revision)
        } else {
            format!("{} of {of} istiods of revision {} crash", crashing.len(), first.revision)
        };
        let what = format!(
            "{who} after each start: {} was restarted {}, last end: {ended}",
            first.pod,
            count(usize::try_from(first.restarts).unwrap_or(usize::MAX), "time", "times"),
        );
        let mut evidence: Vec<_> = first.last_words.iter().map(|line| format!("{} | {line}", first.pod)).collect();
        evidence.push(if ended.starts_with("OOMKilled") {
            "next: raise the memory limit of its Deployment; a restart alone ends the same way".into()
        } else {
            "next: cure what its last lines name; a restart alone ends the same way".into()
        });
        if all_gone && self.seen.webhooks.iter().any(Webhook::blocks_pods) {
            evidence.push(
                "until then new pods are refused: unblock_new_pods=true lets them start without a sidecar".into(),
            );
        }
        (what, evidence)
    }

    fn policies(&mut self) {
        let shut = &self.seen.shut_off;
        // A policy that nobody obeys harms nobody: only proxies that also miss their istiod count.
        let lost = |one: &super::Connection| one.is_lost() && shut.proxies.contains(&one.proxy);
        let harmed = self.seen.connections.iter().filter(|one| lost(one)).count();
        if harmed == 0 {
            return;
        }
        let harm = self.share(lost);
        let names: Vec<_> = shut.policies.iter().map(|name| format!("{}/{name}", self.root)).collect();
        let kind = if names.len() == 1 { "NetworkPolicy" } else { "NetworkPolicies" };
        let what = format!(
            "{kind} {} admit no proxy to port {} of istiod: {} without a connection",
            and(&names),
            policy::XDS,
            count(harmed, "proxy is", "proxies are")
        );
        let what = if names.len() == 1 { what.replace(" admit no", " admits no") } else { what };
        let mut evidence = vec!["istiod itself is ready: port-forwards go around NetworkPolicies".to_owned()];
        if shut.webhooks {
            evidence.push(format!("port {} is shut as well: the API server cannot call the webhooks, so new pods and Istio objects are refused", policy::WEBHOOK));
        }
        if !self.curable_policy() {
            evidence.push(format!("next: after a review, kubectl apply -f - with {}", self.admitting_policy()));
        }
        self.add(cause::NETWORK_POLICY, what, evidence, harm);
        self.blamed.extend(self.seen.istiods.iter().map(|istiod| istiod.revision.clone()));
    }

    fn curable_policy(&self) -> bool {
        super::cure::closed_policy(self.seen).is_some()
    }

    /// A policy of its own that admits what istiod needs, as JSON in one line.
    fn admitting_policy(&self) -> Value {
        json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": { "name": "istiod", "namespace": self.root },
            "spec": { "podSelector": { "matchLabels": { "app": "istiod" } }, "policyTypes": ["Ingress"], "ingress": [{ "ports": [{ "port": policy::XDS }, { "port": policy::WEBHOOK }] }] },
        })
    }

    fn services(&mut self) {
        for service in &self.seen.services {
            let own: Vec<_> =
                self.seen.istiods.iter().filter(|istiod| istiod.revision == service.revision && istiod.ready).collect();
            if service.selects || own.is_empty() || service.ready > 0 {
                continue;
            }
            let lost =
                self.seen.connections.iter().filter(|one| one.revision == service.revision && one.is_lost()).count();
            let harm = self.share(|one| one.revision == service.revision);
            let selector: Vec<_> = service.selector.iter().map(|(key, value)| format!("{key}={value}")).collect();
            let what = format!(
                "Service {}/{} selects {}, which no istiod carries: nothing is behind it, {} without a connection",
                self.root,
                service.name,
                selector.join(","),
                count(lost, "proxy is", "proxies are"),
            );
            let mut evidence = vec![format!(
                "{} of revision {}, reached by nobody",
                count(own.len(), "ready istiod", "ready istiods"),
                service.revision
            )];
            evidence.push(match &service.correct {
                Some(correct) => {
                    let labels: Vec<_> = correct.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    format!("all of them carry {}, and no other pod does", labels.join(","))
                }
                None => "next: set its selector to labels that all istiods of the revision carry and nothing else does; which these are is not plain".into(),
            });
            self.add(cause::WRONG_SELECTOR, what, evidence, harm);
            self.blamed.insert(service.revision.clone());
        }
    }

    /// Istiods that count as ready and do not answer: stopped, frozen, or out of memory, and the kubelet has not seen it yet.
    /// That one does not answer may be the fault of the way to it, so others that do answer, or proxies without an istiod,
    /// have to say the same.
    fn silent(&mut self) {
        let seen = self.seen;
        let others_answer = seen.istiods.iter().any(|istiod| istiod.answer().is_some());
        let revisions: BTreeSet<&str> = seen.istiods.iter().map(|istiod| istiod.revision.as_str()).collect();
        for revision in revisions {
            if self.blamed.contains(revision) {
                continue;
            }
            let own: Vec<&Istiod> = seen.istiods.iter().filter(|istiod| istiod.revision == revision).collect();
            let silent: Vec<(&Istiod, &str)> = own
                .iter()
                .filter(|istiod| istiod.ready)
                .filter_map(|istiod| Some((*istiod, istiod.says.as_ref()?.as_ref().err()?.as_str())))
                .collect();
            let of_it = |one: &super::Connection| one.revision == revision;
            let lost = seen.connections.iter().filter(|one| of_it(one) && one.is_lost()).count();
            if silent.is_empty() || !(others_answer || lost > 0) {
                continue;
            }
            // Who has a connection and is known to no istiod that answers can only hang on to one that does not.
            let hanging =
                |one: &super::Connection| of_it(one) && one.istiod.is_none() && !one.is_lost() && !one.is_silent();
            let held = seen.connections.iter().filter(|one| hanging(one)).count();
            let names: Vec<_> = silent.iter().map(|(istiod, _)| istiod.pod.clone()).collect();
            let mut harmed = Vec::new();
            if lost > 0 {
                harmed.push(format!("{} without a connection", count(lost, "proxy is", "proxies are")));
            }
            if held > 0 {
                harmed.push(format!("{} of no change any more", count(held, "proxy learns", "proxies learn")));
            }
            let one = silent.len() == 1;
            let what = format!(
                "{} of revision {revision} {}: {}",
                and(&names),
                if one { "counts as ready and does not answer" } else { "count as ready and do not answer" },
                if harmed.is_empty() { "no proxy depends on it".to_owned() } else { and(&harmed) },
            );
            let mut evidence: Vec<_> = silent
                .iter()
                .map(|(istiod, why)| format!("{}: {}", istiod.pod, crate::text::first_line(why)))
                .collect();
            evidence.push(format!(
                "next: kubectl logs -n {} {}, and why no probe restarts it; then kubectl delete pod, one at a time: its proxies connect to the next one, and keep what they have meanwhile",
                self.root, names[0]
            ));
            let harm = self.share(|one| of_it(one) && (one.is_lost() || hanging(one)));
            self.add(cause::SILENT, what, evidence, harm);
            if silent.len() == own.len() {
                self.blamed.insert(revision.to_owned());
            }
        }
    }

    /// Namespaces that ask for sidecars by one label, and that no webhook of any injector is for.
    fn injectors(&mut self) {
        let seen = self.seen;
        let asks = |labels: &Labels| match (labels.get(labels::REVISION), labels.get(labels::INJECTION)) {
            (Some(revision), None) => !revision.is_empty(),
            (None, Some(injection)) => injection == "enabled",
            _ => false,
        };
        let bare = |labels: &Labels| labels::injector(&seen.mutating, labels, &Labels::new()).is_none();
        let lost: Vec<_> = seen.namespaces.iter().filter(|(_, labels)| asks(labels) && bare(labels)).collect();
        if lost.is_empty() || seen.istiods.is_empty() {
            return;
        }
        let names: Vec<String> =
            lost.iter().map(|(name, all)| format!("{name} ({})", labels::text(&labels::chosen(all)))).collect();
        let what = format!("no webhook gives new pods a sidecar in {}", some(&names, 5));
        let next = "next: meshbook run installation/install creates what is not there of an installation; or correct the label";
        let harm = ratio(lost.len(), seen.namespaces.len());
        self.add(cause::NO_INJECTOR, what, vec![next.to_owned()], harm);
    }

    fn webhooks(&mut self) {
        let blamed = |webhook: &&Webhook| {
            self.seen
                .services
                .iter()
                .any(|service| service.name == webhook.service.1 && self.blamed.contains(&service.revision))
        };
        let dead: Vec<&Webhook> =
            self.seen.webhooks.iter().filter(|one| one.refuses()).filter(|one| !blamed(one)).collect();
        let mut blamed_here = BTreeSet::new();
        let mut found = Vec::new();
        let services: BTreeSet<&(String, String)> = dead.iter().map(|one| &one.service).collect();
        for service in services {
            let own: Vec<&&Webhook> = dead.iter().filter(|one| one.service == *service).collect();
            let configurations: BTreeSet<String> =
                own.iter().map(|one| format!("{} {}", one.kind, one.configuration)).collect();
            let namespaces: BTreeSet<&str> =
                own.iter().filter(|one| one.injects()).flat_map(|one| &one.namespaces).map(String::as_str).collect();
            let state = match own[0].endpoints {
                None => "does not exist",
                Some(_) => "has no ready endpoint",
            };
            let revision = service.1.strip_prefix("istiod-").unwrap_or("default").to_owned();
            let lost = self.seen.connections.iter().filter(|one| one.revision == revision && one.is_lost()).count();
            let list: Vec<_> = namespaces.iter().map(|name| (*name).to_owned()).collect();
            let whom = if list.is_empty() {
                "Istio objects of its revision are refused".to_owned()
            } else {
                format!("new pods are refused in {}", some(&list, 5))
            };
            let what = format!("Service {}/{}, which webhooks call, {state}: {whom}", service.0, service.1);
            let configurations: Vec<_> = configurations.into_iter().collect();
            let mut evidence = vec![format!("{} with failurePolicy Fail", and(&configurations))];
            if lost > 0 {
                evidence.push(format!(
                    "{} that revision, {revision}, and without a connection",
                    count(lost, "proxy is of", "proxies are of")
                ));
                blamed_here.insert(revision);
            }
            evidence.push(format!(
                "next: if that revision is gone, label its namespaces for one that runs, restart their workloads when it suits, and delete {}",
                if configurations.len() == 1 { "this configuration" } else { "these configurations" }
            ));
            if !list.is_empty() {
                evidence.push("until then unblock_new_pods=true lets new pods start without a sidecar".into());
            }
            let harm = self
                .share(|one| one.proxy.split_once('.').is_some_and(|(_, namespace)| namespaces.contains(namespace)));
            // Nobody is cut off: what harms is that nothing new can start.
            let harm = if list.is_empty() { 0.05 } else { harm.max(0.05) };
            found.push((what, evidence, harm));
        }
        for (what, evidence, harm) in found {
            self.add(cause::WEBHOOK, what, evidence, harm);
        }
        self.blamed.extend(blamed_here);
    }

    fn authority(&mut self) {
        let now = self.seen.now.as_second();
        #[allow(clippy::cast_precision_loss, reason = "seconds since 1970 are exact in f64")]
        let expired: Vec<_> = self
            .seen
            .istiods
            .iter()
            .filter(|istiod| istiod.answer().and_then(|says| says.root_expires).is_some_and(|at| at < now as f64))
            .map(|istiod| istiod.pod.clone())
            .collect();
        if !expired.is_empty() {
            let what = format!("the root certificate of {} has expired", and(&expired));
            let evidence = vec![
                "istiod: citadel_server_root_cert_expiry_timestamp lies in the past".to_owned(),
                "next: renew the root in Secret cacerts (or istio-ca-secret) as its owner; proxies cannot renew their certificates meanwhile".into(),
            ];
            self.add(cause::AUTHORITY, what, evidence, 1.0);
        }
        let Some(root) = self.seen.root_certificate.as_deref().map(certificates).filter(|all| !all.is_empty()) else {
            return;
        };
        let wrong: BTreeSet<String> = self
            .seen
            .webhooks
            .iter()
            .filter(|one| !one.is_dead())
            .filter(|one| decoded(&one.bundle).map(|pem| certificates(&pem)).is_none_or(|own| own.is_disjoint(&root)))
            .map(|one| format!("{} {}", one.kind, one.configuration))
            .collect();
        if !wrong.is_empty() {
            let wrong: Vec<_> = wrong.into_iter().collect();
            let what = format!(
                "the caBundle of {} is not istiod's root certificate: the API server cannot trust istiod",
                and(&wrong)
            );
            let evidence = vec![
                format!("compared with ConfigMap {}/istio-ca-root-cert", self.root),
                "next: look in istiod's log for what keeps it from patching its webhooks, and who else writes them (GitOps, two istiods of one revision)".into(),
            ];
            self.add(cause::AUTHORITY, what, evidence, 0.3);
        }
    }

    fn stale(&mut self) {
        for istiod in &self.seen.istiods {
            let Some(why) = &istiod.stale else { continue };
            let own = self.seen.connections.iter().filter(|one| one.istiod.as_ref() == Some(&istiod.pod)).count();
            let harm = self.share(|one| one.istiod.as_ref() == Some(&istiod.pod));
            let what = format!(
                "{} learns of no changes any more: its {} old configuration",
                istiod.pod,
                count(own, "proxy keeps", "proxies keep")
            );
            let evidence = vec![
                why.clone(),
                format!(
                    "next: kubectl delete pod -n {} {}: only this one; its proxies connect to another istiod within seconds and lose nothing",
                    self.root, istiod.pod
                ),
            ];
            self.add(cause::STALE, what, evidence, harm);
        }
    }

    fn api_server(&mut self) {
        let slow = self.seen.api_latency.filter(|latency| *latency > API_BOUND);
        if slow.is_none() && self.seen.late < LINES {
            return;
        }
        let mut evidence = Vec::new();
        if let Some(latency) = slow {
            evidence.push(format!("99 of 100 GETs take up to {} s, where Kubernetes promises {API_BOUND} s (Prometheus: apiserver_request_duration_seconds)", figure(latency)));
        }
        if self.seen.late > 0 {
            evidence.push(format!(
                "istiod's log has {} in 5 minutes that say that the API server did not answer in time",
                count(self.seen.late, "line", "lines")
            ));
        }
        evidence.push("next: look at the API server and etcd (kubectl get --raw '/readyz?verbose'), and at who asks it most; restarting istiod lists everything anew and makes it worse".into());
        let what = "the Kubernetes API server is slow: istiod learns of changes late".to_owned();
        self.add(cause::SLOW_API, what, evidence, LATE);
    }

    fn disconnected(&mut self) {
        let unexplained = |one: &super::Connection| one.is_lost() && !self.blamed.contains(&one.revision);
        let lost: Vec<_> = self.seen.connections.iter().filter(|one| unexplained(one)).collect();
        if lost.is_empty() {
            return;
        }
        let names: Vec<_> = lost.iter().map(|one| one.proxy.clone()).collect();
        let mut evidence: Vec<_> = lost
            .iter()
            .filter_map(|one| {
                let (failed, address) = one.agent.as_ref()?;
                Some(format!("{} counts {} failed attempts to {address}", one.proxy, figure(*failed)))
            })
            .collect();
        evidence.push("next: resolve that address from such a pod, and look at its agent's log (kubectl logs -c istio-proxy): DNS, an egress NetworkPolicy and a refused certificate look alike from here".into());
        let what = format!(
            "{} no istiod, and nothing at istiod says why: {}",
            count(lost.len(), "proxy reaches", "proxies reach"),
            some(&names, 3)
        );
        let harm = self.share(unexplained);
        self.add(cause::DISCONNECTED, what, evidence, harm);
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts of pods are small")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests;
