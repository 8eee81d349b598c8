//! What moves in a world: controllers, istiod's propagation, Envoys, traffic, Prometheus, and the time that drives them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::broadcast;

use crate::api::{Ended, PodUsage, Pods};
use crate::clock::LabClock;
use crate::store::{Change, Object, Store};
use crate::world::spec::{Extent, ProxyFault, ProxyFaultKind};
use crate::world::{Spec, installation, objects};

mod access_log;
pub(crate) mod ca;
mod curl;
mod envoy;
mod gitops;
mod guest;
mod istiod;
mod jaeger;
pub(crate) mod kubernetes;
pub(crate) mod memory;
mod page;
pub(crate) mod prometheus;
mod seed;
#[cfg(test)]
mod tests;
mod timeline;
mod traffic;
mod usage;

use ca::{Identity, Root};
use istiod::Istiod;
use istiod::config::{ProxyConfig, Snapshot, workload_name};
use istiod::gateway;
use kubernetes::{Controllers, PodKey, key_of, text};
use prometheus::Prometheus;
use timeline::Timeline;
use traffic::{PodFacts, Traffic, flow::Outside, outcome::Outcome, tls::Peer};

/// A tick of traffic.
const TICK: Duration = Duration::from_millis(100);

/// One sidecar.
pub(crate) struct Proxy {
    /// Its pod.
    pub pod: Object,
    /// The pod's workload.
    pub workload: String,
    /// The pod's address.
    pub ip: String,
    /// What istiod has given it so far.
    pub config: ProxyConfig,
    /// When it started.
    pub started: Timestamp,
    /// Its log levels, by logger.
    pub levels: BTreeMap<String, String>,
    /// Whether `/healthcheck/fail` was posted.
    pub draining: bool,
    /// Whether it is a gateway's.
    pub router: bool,
    /// Its fault, if it has one.
    pub fault: Option<ProxyFaultKind>,
    /// What it proves itself with.
    pub identity: Identity,
    /// What is remembered of its memory.
    pub life: memory::Life,
    /// What `proxyStatsMatcher` lets through besides Istio's default.
    pub inclusions: Vec<regex::Regex>,
}

/// The moving part of a lab. Clones share it.
#[derive(Clone)]
pub struct Mesh(Arc<Inner>);

struct Inner {
    clock: LabClock,
    store: Store,
    state: Mutex<State>,
}

/// Everything that has a present state.
pub(crate) struct State {
    pub spec: Spec,
    pub controllers: Controllers,
    pub istiod: Istiod,
    pub proxies: BTreeMap<PodKey, Proxy>,
    /// What callers without a sidecar know, by namespace.
    plain: BTreeMap<String, ProxyConfig>,
    pub traffic: Traffic,
    pub prometheus: Prometheus,
    /// All pods that run, with or without a sidecar.
    pub pods: BTreeMap<PodKey, Object>,
    timeline: Timeline,
    /// Since when the API server is slow, and what a request takes then.
    pub slow_api: Option<(Timestamp, Duration)>,
    /// When istiod learns of what has changed, where the API server is slow to tell.
    noticed: Option<Timestamp>,
    /// istiods that a NetworkPolicy hides from Prometheus.
    pub shut_to_prometheus: Vec<PodKey>,
    /// Sidecars that were killed, and when each is started again.
    restarts: BTreeMap<PodKey, Timestamp>,
    /// Pods that somebody made to run one command.
    pub guests: BTreeMap<PodKey, guest::Guest>,
    owners: gitops::Owners,
    began: Timestamp,
    changes: broadcast::Receiver<Change>,
}

impl Mesh {
    /// Fills the store with the world's objects, lets the mesh run for its history, and opens it.
    pub fn start(spec: &Spec, store: Store, clock: LabClock) -> Mesh {
        let changes = store.subscribe();
        if spec.cluster.installation == Extent::None {
            store.forget_definitions(|group| group.ends_with(".istio.io"));
        }
        for object in objects::objects(spec) {
            store.put(object, "world");
        }
        let began = clock.now();
        gateway::deploy::reconcile(&store, spec);
        let mut controllers = Controllers::new(spec);
        // The first pass makes pods, the second counts them.
        controllers.reconcile(&store, began, true);
        controllers.reconcile(&store, began, true);
        gateway::status::reconcile(&store, began);
        let mut istiod = Istiod::new(spec, Snapshot::take(&store, istiod::version(began, 1)));
        istiod.pushes = 1;
        let mut state = State {
            spec: spec.clone(),
            controllers,
            istiod,
            proxies: BTreeMap::new(),
            plain: BTreeMap::new(),
            traffic: Traffic::new(spec),
            prometheus: Prometheus::new(spec),
            pods: BTreeMap::new(),
            timeline: Timeline::new(spec, began),
            slow_api: None,
            noticed: None,
            shut_to_prometheus: Vec::new(),
            restarts: BTreeMap::new(),
            guests: BTreeMap::new(),
            owners: gitops::Owners::new(&spec.faults.gitops, &spec.namespace, &store),
            began,
            changes,
        };
        state.drain();
        state.notice_pods(&store, began);
        state.relink(&store, began);
        state.inflict(&store, began);
        let mesh = Mesh(Arc::new(Inner { clock, store, state: Mutex::new(state) }));
        mesh.advance(spec.warm_up.0);
        let now = mesh.0.clock.now();
        let mut state = mesh.state();
        state.traffic.opened_at = state.traffic.ticks;
        state.prometheus.open(now);
        drop(state);
        mesh
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().expect("no holder of the mesh's state panics")
    }

    /// The lab's present time.
    pub fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    /// Moves time forward: changed objects take effect, pushes arrive, traffic flows, Prometheus scrapes.
    pub fn advance(&self, by: Duration) {
        let Inner { clock, store, .. } = &*self.0;
        let mut state = self.state();
        let target = clock.now() + by;
        loop {
            let now = clock.now();
            state.react(store, now);
            if now >= target {
                return;
            }
            let elapsed = millis(state.began, now);
            let tick = u64::from(TICK.subsec_millis());
            let ticks_done = elapsed / tick;
            let until_target = millis(state.began, target) / tick - ticks_done;
            if until_target == 0 {
                clock.advance(millis_duration(now, target));
                continue;
            }
            let next = [
                state.controllers.next_event(),
                state.istiod.next_event(),
                state.istiod.plane.next_event(),
                state.timeline.next_event(),
                state.noticed,
                state.owners.next_event(),
                state.next_restart(),
                state.next_guest(),
                Some(state.prometheus.next_scrape(state.began)),
            ];
            let next = next
                .into_iter()
                .flatten()
                .min()
                .map_or(u64::MAX, |at| millis(state.began, at).div_ceil(tick).saturating_sub(ticks_done).max(1));
            let ticks = state.traffic.horizon().min(until_target).min(next);
            let then = state.began + Duration::from_millis((ticks_done + ticks) * tick);
            clock.advance(millis_duration(now, then));
            let log = state.spec.telemetry.access_log || state.istiod.snapshot.logs_by_telemetry();
            state.traffic.tick(ticks, then, log);
            state.scrape(store, then);
        }
    }
}

fn millis(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond() - from.as_millisecond()).unwrap_or(0)
}

fn millis_duration(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// Which parts of the mesh a change concerns.
#[derive(Default, Clone, Copy)]
struct Concerned {
    controllers: bool,
    istiod: bool,
    pods: bool,
    links: bool,
}

/// What becomes of a caller's requests to hosts that its proxy does not know: `outboundTrafficPolicy`. `plain` is what holds
/// in its namespace without a proxy.
fn outside<'a>(caller: Option<&Proxy>, registry_only: bool, plain: Option<&'a ProxyConfig>) -> Outside<'a> {
    match (caller, plain) {
        (Some(proxy), _) if !proxy.router && registry_only => Outside::Ends(Outcome::Blocked),
        (Some(proxy), Some(plain)) if !proxy.router => Outside::Passes(plain),
        _ => Outside::Ends(Outcome::NoRoute),
    }
}

/// What a proxy is to those who call its pod.
fn peer(proxy: &Proxy) -> Peer {
    Peer { identity: proxy.identity, accepts: proxy.config.accepts.clone() }
}

impl State {
    /// Whether a pod's proxy writes an access log.
    pub(crate) fn writes_access_log(&self, pod: &Value) -> bool {
        self.istiod.snapshot.access_log(pod).unwrap_or(self.spec.telemetry.access_log)
    }

    /// Whether a pod's proxy sends spans: the world says so, or a Telemetry asks for them.
    pub(crate) fn sends_spans(&self, pod: &Value) -> bool {
        self.spec.telemetry.tracing || self.istiod.snapshot.traces(pod)
    }

    /// Reads the store's changes up to now.
    fn drain(&mut self) -> Concerned {
        let mut concerned = Concerned::default();
        loop {
            match self.changes.try_recv() {
                Ok(change) => match (change.resource.group.as_str(), change.resource.plural.as_str()) {
                    ("apps" | "autoscaling" | "admissionregistration.k8s.io" | "apiextensions.k8s.io", _)
                    | ("", "namespaces") => {
                        concerned.controllers = true;
                    }
                    ("", "pods") => concerned = Concerned { controllers: true, istiod: true, pods: true, links: true },
                    ("", "services") => {
                        concerned.controllers = true;
                        concerned.istiod = true;
                        concerned.links = true;
                    }
                    ("networking.k8s.io", "networkpolicies") => {
                        concerned.controllers = true;
                        concerned.links = true;
                    }
                    ("discovery.k8s.io", _) => concerned.istiod = true,
                    (group, _) if group.ends_with("istio.io") || group == gateway::api::GROUP => {
                        concerned.istiod = true
                    }
                    _ => {}
                },
                Err(broadcast::error::TryRecvError::Lagged(_)) => {
                    concerned = Concerned { controllers: true, istiod: true, pods: true, links: true }
                }
                Err(_) => return concerned,
            }
        }
    }

    /// Lets controllers and istiod react to what happened, until nothing more follows.
    fn react(&mut self, store: &Store, now: Timestamp) {
        self.happen(store, now);
        self.restart_due(store, now);
        self.owners.reconcile(store, now);
        let mut seen = Concerned::default();
        let mut stirred = false;
        let mut due = self.controllers.next_event().is_some_and(|at| at <= now);
        // Each round's writes concern the next; a Deployment needs three (ReplicaSet, pods, status).
        for _ in 0..8 {
            let concerned = self.drain();
            seen = Concerned {
                controllers: concerned.controllers,
                istiod: seen.istiod || concerned.istiod,
                pods: seen.pods || concerned.pods,
                links: seen.links || concerned.links,
            };
            if !seen.controllers && !due {
                break;
            }
            (due, stirred) = (false, true);
            self.controllers.reconcile(store, now, false);
        }
        if stirred && !self.istiod.down {
            installation::learn(&mut self.spec, store);
            istiod::writes::reconcile(store, &self.spec);
        }
        if seen.pods {
            self.notice_pods(store, now);
        }
        if seen.links || self.istiod.plane.next_event().is_some_and(|at| at <= now) {
            self.relink(store, now);
        }
        if let Some((_, lag)) = self.slow_api {
            if std::mem::take(&mut seen.istiod) {
                self.noticed.get_or_insert(now + lag);
            }
            seen.istiod = self.noticed.take_if(|at| *at <= now).is_some();
        }
        if seen.istiod && !self.istiod.down {
            gateway::deploy::reconcile(store, &self.spec);
            gateway::status::reconcile(store, now);
            let snapshot = Snapshot::take(store, self.istiod.next_version(now));
            let keys: Vec<PodKey> = self.proxies.keys().cloned().collect();
            self.istiod.push(snapshot, keys.into_iter(), now);
            self.refresh_plain(now);
            self.resolve();
        }
        let arrived = self.istiod.arrived(now);
        if !arrived.is_empty() {
            let mut outbound = BTreeMap::new();
            for (key, snapshot) in arrived {
                let Some(proxy) = self.proxies.get_mut(&key) else { continue };
                let part = (Arc::as_ptr(&snapshot) as usize, key.0.clone());
                let shared = outbound.entry(part).or_insert_with(|| snapshot.outbound(&key.0));
                proxy.config = snapshot.proxy(&proxy.pod, shared, &proxy.config, now);
            }
            self.resolve();
        }
        self.run_guests(store, now);
    }

    /// Takes notice of pods that came, went, or became ready.
    fn notice_pods(&mut self, store: &Store, now: Timestamp) {
        self.pods = store
            .list("", "pods", None)
            .into_iter()
            .filter(|pod| pod["status"]["phase"] == "Running")
            .map(|pod| (key_of(&pod), pod))
            .collect();
        let pods = &self.pods;
        self.proxies.retain(|key, _| pods.contains_key(key));
        self.restarts.retain(|key, _| pods.contains_key(key));
        self.istiod.sent.retain(|key, _| pods.contains_key(key));
        self.istiod.pending.retain(|key, _| pods.contains_key(key));
        let mut outbound = BTreeMap::new();
        for (key, pod) in pods.iter().filter(|(_, pod)| kubernetes::inject::has_sidecar(pod)) {
            if let Some(proxy) = self.proxies.get_mut(key) {
                proxy.pod = pod.clone();
                continue;
            }
            let snapshot = self.istiod.snapshot.clone();
            let shared = outbound.entry(key.0.clone()).or_insert_with(|| snapshot.outbound(&key.0));
            let config = snapshot.proxy(pod, shared, &ProxyConfig::default(), now);
            let proxy = Proxy {
                workload: workload_name(pod).to_owned(),
                ip: text(&pod["status"]["podIP"]).to_owned(),
                pod: pod.clone(),
                config,
                started: now,
                levels: BTreeMap::new(),
                draining: false,
                router: kubernetes::inject::is_router(pod),
                fault: None,
                identity: Identity::default(),
                life: memory::Life::default(),
                inclusions: envoy::stats::inclusions(pod, &self.spec.telemetry.proxy_stats),
            };
            self.proxies.insert(key.clone(), proxy);
        }
        let facts: Vec<PodFacts> = pods
            .iter()
            .map(|(key, pod)| PodFacts {
                key: key.clone(),
                workload: workload_name(pod).to_owned(),
                serves: kubernetes::is_ready(pod) && pod["metadata"]["deletionTimestamp"].is_null(),
                sidecar: kubernetes::inject::has_sidecar(pod),
                revision: if kubernetes::inject::has_sidecar(pod) {
                    istiod::plane::revision_of(pod).to_owned()
                } else {
                    String::new()
                },
            })
            .collect();
        self.traffic.pods(&facts);
        self.refresh_plain(now);
        self.resolve();
    }

    fn refresh_plain(&mut self, now: Timestamp) {
        let snapshot = self.istiod.snapshot.clone();
        let namespaces: Vec<String> = self.traffic.streams.iter().map(|stream| stream.source.0.clone()).collect();
        for namespace in namespaces {
            let plain = snapshot.without_proxy(&namespace, now);
            self.plain.insert(namespace, plain);
        }
    }

    fn resolve(&mut self) {
        let (proxies, plain) = (&self.proxies, &self.plain);
        let nothing = ProxyConfig::default();
        let registry_only = self.spec.cluster.registry_only;
        self.traffic.resolve(
            |caller, namespace| {
                caller
                    .and_then(|key| proxies.get(key))
                    .map(|proxy| &proxy.config)
                    .or_else(|| plain.get(namespace))
                    .unwrap_or(&nothing)
            },
            |caller, namespace| outside(caller.and_then(|key| proxies.get(key)), registry_only, plain.get(namespace)),
            |key| {
                let inbound = proxies.get(key)?.config.clusters.iter().find(|(name, _)| name.starts_with("inbound|"));
                inbound.map(|(name, (cluster, _))| (name.clone(), cluster.thresholds()))
            },
            |key| proxies.get(key).map(peer),
        );
    }

    /// Gives single proxies their faults.
    fn inflict(&mut self, store: &Store, now: Timestamp) {
        let faults: Vec<ProxyFault> = self.spec.faults.proxy.clone();
        for fault in faults {
            let Some(key) = self.pod_of(&fault.workload, fault.pod) else { continue };
            match fault.kind {
                ProxyFaultKind::Laggard => {
                    self.istiod.laggards.insert(key, Some(fault.delay.0));
                }
                ProxyFaultKind::Stuck => {
                    self.istiod.laggards.insert(key, None);
                }
                ProxyFaultKind::Terminating => self.controllers.keep_terminating(store, &key, now),
                kind => {
                    if let Some(proxy) = self.proxies.get_mut(&key) {
                        match kind {
                            ProxyFaultKind::ExpiredCertificate => proxy.identity.expired = true,
                            ProxyFaultKind::EndingCertificate => proxy.identity.ending = true,
                            ProxyFaultKind::FormerRoot => proxy.identity.root = Root::Former,
                            kind => proxy.fault = Some(kind),
                        }
                    }
                }
            }
        }
        self.resolve();
    }

    /// The n-th pod of a workload, by name.
    pub(crate) fn pod_of(&self, workload: &str, index: usize) -> Option<PodKey> {
        self.pods.iter().filter(|(_, pod)| workload_name(pod) == workload).map(|(key, _)| key.clone()).nth(index)
    }

    fn scrape(&mut self, store: &Store, now: Timestamp) {
        if now < self.prometheus.next_scrape(self.began) {
            return;
        }
        self.account(store, now);
        let mut prometheus = std::mem::take(&mut self.prometheus);
        prometheus.scrape_if_due(self, now);
        self.prometheus = prometheus;
    }
}

impl Pods for Mesh {
    fn port(&self, namespace: &str, pod: &str, port: u16) -> Option<axum::Router> {
        page::router(self, (namespace.to_owned(), pod.to_owned()), port)
    }

    fn logs(&self, namespace: &str, pod: &str, container: &str) -> Result<Vec<(Timestamp, String)>, String> {
        envoy::logs::read(&self.state(), &(namespace.to_owned(), pod.to_owned()), container, self.now())
    }

    fn execute(&self, namespace: &str, pod: &str, container: &str, words: &[String]) -> Option<Ended> {
        self.state().execute(&(namespace.to_owned(), pod.to_owned()), container, words, self.now())
    }

    fn inject(&self, store: &Store, pod: &mut Value) {
        let state = self.state();
        if let Some(revision) = kubernetes::inject::revision(store, pod) {
            // A pod that nobody owns is a workload of its own.
            let name = text(&pod["metadata"]["name"]).to_owned();
            kubernetes::inject::inject(pod, &state.spec, &name, &revision);
        }
    }

    fn usage(&self) -> Option<Vec<PodUsage>> {
        self.state().usage(self.now())
    }
}
