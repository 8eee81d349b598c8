//! What happens in a world at set times before the lab opens: changes by somebody, istiods that break, an API server
//! that becomes slow.

use jiff::Timestamp;
use serde_json::Value;

use super::State;
use super::istiod::plane;
use super::kubernetes::{Crash, PodKey, is_ready, key_of};
use crate::crd::Catalog;
use crate::store::{Object, Store};
use crate::world::control_plane::{Earlier, IstiodFault, IstiodFaultKind};
use crate::world::installation::istiod_name;
use crate::world::objects::ROOT_NAMESPACE;
use crate::world::{Spec, span::Span};

/// One of them.
enum Happening {
    Changed(Earlier),
    Istiod(IstiodFault),
    SlowApi(Span),
}

/// Those that are still to come, the next one last.
pub struct Timeline(Vec<(Timestamp, Happening)>);

impl Timeline {
    /// What a world says, from the moment at which its history began.
    pub fn new(spec: &Spec, began: Timestamp) -> Timeline {
        let faults = &spec.faults.control_plane;
        let opens = began + spec.warm_up.0;
        let at = |ago: Span| opens.checked_sub(ago.0).unwrap_or(began).max(began);
        let mut all: Vec<(Timestamp, Happening)> = Vec::new();
        all.extend(faults.earlier.iter().map(|one| (at(one.ago), Happening::Changed(one.clone()))));
        all.extend(faults.istiod.iter().map(|one| (at(one.ago), Happening::Istiod(one.clone()))));
        all.extend(faults.slow_api.iter().map(|one| (at(one.ago), Happening::SlowApi(one.latency))));
        all.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
        Timeline(all)
    }

    /// When the next of them happens.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.0.last().map(|(at, _)| *at)
    }

    fn due(&mut self, now: Timestamp) -> Option<Happening> {
        self.0.pop_if(|(at, _)| *at <= now).map(|(_, happening)| happening)
    }
}

impl State {
    /// Lets happen what is due.
    pub(super) fn happen(&mut self, store: &Store, now: Timestamp) {
        while let Some(happening) = self.timeline.due(now) {
            match happening {
                Happening::Changed(change) => changed(store, &change),
                Happening::Istiod(fault) => self.break_istiod(store, &fault, now),
                Happening::SlowApi(latency) => self.slow_api = Some((now, latency.0)),
            }
        }
    }

    fn break_istiod(&mut self, store: &Store, fault: &IstiodFault, now: Timestamp) {
        let name = istiod_name(&fault.revision);
        let pods: Vec<Object> = store
            .list("", "pods", Some(ROOT_NAMESPACE))
            .into_iter()
            .filter(|pod| super::istiod::config::workload_name(pod) == name && is_ready(pod))
            .collect();
        let struck: Vec<&Object> = pods
            .iter()
            .enumerate()
            .filter(|(index, _)| fault.pod.is_none_or(|one| one == *index))
            .map(|(_, pod)| pod)
            .collect();
        match fault.kind {
            IstiodFaultKind::Stale => {
                for pod in struck {
                    self.istiod.plane.stale.insert(key_of(pod), (self.istiod.snapshot.clone(), now));
                }
            }
            IstiodFaultKind::CrashLoop => {
                let names = |pod: &&Object| key_of(pod).1;
                let crash = Crash {
                    workload: (ROOT_NAMESPACE.into(), name),
                    pods: if fault.pod.is_some() { struck.iter().map(names).collect() } else { Vec::new() },
                    reason: fault.reason.clone(),
                    exit_code: fault.exit_code,
                    restarts: fault.restarts,
                };
                for pod in struck {
                    crash.strike(store, pod, now);
                }
                self.controllers.crashes.push(crash);
            }
        }
    }

    /// The log of an istiod.
    pub(super) fn istiod_log(&self, key: &PodKey, pod: &Value, now: Timestamp) -> Vec<(Timestamp, String)> {
        let stamp = |at: Timestamp| at.strftime("%Y-%m-%dT%H:%M:%S%.6fZ").to_string();
        let started = pod["status"]["startTime"].as_str().and_then(|text| text.parse().ok()).unwrap_or(self.began);
        let mut lines = vec![(started, format!("{}\tinfo\tinitializing Istiod admin server", stamp(started)))];
        if let Some(index) = self.controllers.crashes.iter().position(|crash| crash.concerns(pod)) {
            let faults = self.spec.faults.control_plane.istiod.iter();
            let fault = faults.filter(|fault| fault.kind == IstiodFaultKind::CrashLoop).nth(index);
            let ended = pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["finishedAt"].as_str();
            let at = ended.and_then(|text| text.parse().ok()).unwrap_or(now);
            lines.clear();
            lines.extend(
                fault.into_iter().flat_map(|fault| &fault.log).map(|line| (at, format!("{}\t{line}", stamp(at)))),
            );
            return lines;
        }
        if plane::answers(self, key) {
            lines.push((started, format!("{}\tinfo\tstarting webhook service at [::]:15017", stamp(started))));
        }
        if let Some((since, latency)) = self.slow_api.filter(|(_, latency)| latency.as_secs() >= 5) {
            // The lease of the leader election is renewed every 10 s, and a request may take 5 s.
            let mut at = since + latency;
            while at <= now {
                lines.push((at, format!("{}\terror\tklog\terror retrieving resource lock {ROOT_NAMESPACE}/istio-leader: Get \"https://10.96.0.1:443/api/v1/namespaces/{ROOT_NAMESPACE}/configmaps/istio-leader?timeout=5s\": net/http: request canceled (Client.Timeout exceeded while awaiting headers)", stamp(at))));
                at += std::time::Duration::from_secs(10);
            }
        }
        lines
    }
}

fn changed(store: &Store, change: &Earlier) {
    let object = &change.object;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    let Some(kind) = Catalog::get().by_kind(&version, &kind) else { return };
    let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
    let live = store.get(&kind.group, &kind.plural, &namespace, &name);
    if change.deleted {
        store.delete(&kind.group, &kind.plural, &namespace, &name);
        return;
    }
    let mut new = live.map_or_else(|| object.clone(), |live| (*live).clone());
    json_patch::merge(&mut new, object);
    store.put(new, &change.manager);
}
