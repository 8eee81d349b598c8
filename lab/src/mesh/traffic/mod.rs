//! Traffic: every pod sends what its workload's streams say, limits and queues decide how that ends.
//!
//! Time moves in ticks of 100 ms. Where nothing changes from one tick to the next, rates stay what they are, so that
//! a longer step gives the same counters; see [`Traffic::tick`].

use std::collections::{BTreeMap, HashMap};

use jiff::Timestamp;

pub mod counters;
mod dependency;
mod ejection;
pub mod flow;
pub mod outcome;
pub mod queue;
mod retry;
pub mod server;
pub mod single;
mod throttle;
pub mod tls;

use super::ca::Identity;
use super::istiod::config::{Cluster, Endpoint, ProxyConfig};
use super::istiod::rules::Thresholds;
use super::kubernetes::PodKey;
use super::seed;
use crate::world::Spec;
use crate::world::objects::{crowd_member, workloads};
use crate::world::spec::{LoadChange, Workload};
use flow::{Flow, Outside, Stream};
use outcome::Outcome;
use server::{Inbound, Server};
use tls::{Caller, Peer};

/// The load of each flow wavers by this share, anew every five seconds.
const WAVER: f64 = 0.02;
/// The period of the wavering, in ticks.
const WAVER_TICKS: u64 = 50;
/// The most a pod's queue may grow or shrink towards its steady state in one tick, while it is not saturated.
const APPROACH: f64 = 0.5;

/// A pod as traffic sees it.
pub struct PodFacts {
    /// The pod.
    pub key: PodKey,
    /// Its workload.
    pub workload: String,
    /// Whether it is ready and not being deleted.
    pub serves: bool,
    /// Whether it has a sidecar.
    pub sidecar: bool,
    /// The revision of Istio that injected it; empty without a sidecar.
    pub revision: String,
}

/// All flows and servers of the mesh.
pub struct Traffic {
    seed: u64,
    /// The streams of the world.
    pub streams: Vec<Stream>,
    workloads: Vec<(String, Workload)>,
    /// What each pod sends.
    pub flows: Vec<Flow>,
    /// What answers.
    pub servers: Vec<Server>,
    index: HashMap<PodKey, usize>,
    /// Ticks since the mesh began.
    pub ticks: u64,
    /// Ticks before the lab opened; none has opened yet if it is the greatest number.
    pub opened_at: u64,
    /// When the lab is going to open (s).
    opens: f64,
    steady: bool,
}

/// The length of a tick in seconds.
pub const TICK: f64 = 0.1;

/// What comes of a caller's connection to an endpoint of a cluster.
fn shaken<'a>(
    peers: &'a HashMap<&PodKey, Peer>,
    identity: Identity,
    proxied: bool,
    elsewhere: bool,
) -> impl Fn(&Cluster, &Endpoint) -> tls::Shake + 'a {
    move |cluster, endpoint| {
        let caller = match (elsewhere, proxied) {
            (true, _) => Caller::Elsewhere,
            (false, true) => Caller::Sidecar(identity, cluster.policy.tls_mode.as_deref()),
            (false, false) => Caller::Plain,
        };
        let key = (endpoint.namespace.clone(), endpoint.pod.clone());
        tls::shake(caller, peers.get(&key), endpoint.port, endpoint.mutual_tls)
    }
}

/// When a change of the load comes, in seconds since the lab opened.
fn since_open(change: &LoadChange) -> f64 {
    change.ago.map_or_else(|| change.after.seconds(), |ago| -ago.seconds())
}

impl Traffic {
    /// The streams and workloads of a world, with nobody sending yet.
    pub fn new(spec: &Spec) -> Traffic {
        let mut streams: Vec<Stream> = spec
            .traffic
            .iter()
            .map(|traffic| Stream {
                source: (
                    traffic.from_namespace.clone().unwrap_or_else(|| spec.namespace.clone()),
                    traffic.from.clone(),
                ),
                source_cluster: "Kubernetes".into(),
                authority: traffic.to.clone(),
                path: traffic.path.clone(),
                headers: Vec::new(),
                rate: traffic.rate.unwrap_or(0.0),
                clients: traffic.concurrency,
                think: traffic.think.seconds(),
                shares: traffic.shares.clone(),
                changes: traffic.changes.iter().map(|change| (since_open(change), change.factor)).collect(),
                client_timeout: traffic.client_timeout.0,
                on_behalf: None,
            })
            .collect();
        let plain = |source: (String, String), cluster: &str, to: &str, rate: f64| Stream {
            source,
            source_cluster: cluster.to_owned(),
            authority: to.to_owned(),
            path: "/".into(),
            headers: Vec::new(),
            rate,
            clients: None,
            think: 0.0,
            shares: Vec::new(),
            changes: Vec::new(),
            client_timeout: std::time::Duration::from_secs(60),
            on_behalf: None,
        };
        streams.extend(dependency::streams(spec));
        for caller in &spec.faults.callers_elsewhere {
            let source = (spec.namespace.clone(), caller.workload.clone());
            streams.push(plain(source, &caller.cluster, &caller.to, caller.rate * (1.0 - caller.refused)));
        }
        let mut all: Vec<(String, Workload)> =
            workloads(spec).map(|(namespace, workload)| (namespace.to_owned(), workload.clone())).collect();
        for index in 0..spec.crowd.proxies {
            let member = crowd_member(index);
            if !spec.crowd.calls.is_empty() {
                streams.push(plain(
                    (spec.namespace.clone(), member.name.clone()),
                    "Kubernetes",
                    &spec.crowd.calls,
                    spec.crowd.rate,
                ));
            }
            all.push((spec.namespace.clone(), member));
        }
        Traffic {
            seed: spec.seed,
            streams,
            workloads: all,
            flows: Vec::new(),
            servers: Vec::new(),
            index: HashMap::new(),
            ticks: 0,
            opened_at: u64::MAX,
            opens: spec.warm_up.seconds(),
            steady: false,
        }
    }

    /// Takes notice of the pods that are there now. What was counted for a pod that stays is kept.
    pub fn pods(&mut self, pods: &[PodFacts]) {
        self.steady = false;
        let mut servers: BTreeMap<PodKey, Server> =
            std::mem::take(&mut self.servers).into_iter().map(|server| (server.pod.clone(), server)).collect();
        for facts in pods {
            let server = servers.remove(&facts.key).unwrap_or_else(|| self.server(facts));
            self.servers.push(server);
        }
        if self.opened_at == u64::MAX {
            self.sicken(pods);
        }
        self.index = self.servers.iter().enumerate().map(|(index, server)| (server.pod.clone(), index)).collect();
        let mut old: HashMap<(usize, Option<PodKey>), Flow> = std::mem::take(&mut self.flows)
            .into_iter()
            .map(|flow| ((flow.stream, flow.caller.clone()), flow))
            .collect();
        for (index, stream) in self.streams.iter().enumerate() {
            let elsewhere = stream.source_cluster != "Kubernetes";
            let callers: Vec<Option<&PodFacts>> = if elsewhere {
                vec![None]
            } else {
                pods.iter()
                    .filter(|pod| pod.serves && pod.key.0 == stream.source.0 && pod.workload == stream.source.1)
                    .map(Some)
                    .collect()
            };
            let count = callers.len();
            for (ordinal, caller) in callers.into_iter().enumerate() {
                let key = caller.map(|pod| pod.key.clone());
                let mut flow = old.remove(&(index, key.clone())).unwrap_or_else(|| Flow {
                    stream: index,
                    proxied: caller.is_some_and(|pod| pod.sidecar),
                    caller: key,
                    ordinal: (ordinal, count),
                    demand: queue::Demand::Open(0.0),
                    legs: Vec::new(),
                    totals: Vec::new(),
                    journal: super::access_log::Journal::default(),
                });
                flow.ordinal = (ordinal, count);
                self.flows.push(flow);
            }
        }
    }

    fn server(&self, facts: &PodFacts) -> Server {
        let workload = self
            .workloads
            .iter()
            .find(|(namespace, workload)| *namespace == facts.key.0 && workload.name == facts.workload)
            .map(|(_, workload)| workload);
        let stranger = crowd_member(0);
        let workload = workload.unwrap_or(&stranger);
        let under = workload.under.as_ref().filter(|under| under.revision == facts.revision);
        let error_rate = under.map_or(workload.error_rate, |under| under.error_rate.max(workload.error_rate));
        Server {
            pod: facts.key.clone(),
            service_time: workload.service_time.seconds().max(1e-4),
            own_time: workload.service_time.seconds().max(1e-4),
            cpu: workload.cpu,
            periods: (0.0, 0.0),
            failing: 0.0,
            faulty_rate: if (500..600).contains(&workload.error_code) { error_rate } else { 0.0 },
            capacity: f64::from(workload.capacity.max(1)),
            error_rate,
            error_code: workload.error_code,
            down: workload.down,
            limits: None,
            inbound_name: String::new(),
            wait: 0.0,
            growing: false,
            inbound: Inbound::default(),
            arrivals: 0.0,
            peak: 0.0,
            cpu_seconds: 0.0,
            from: Vec::new(),
            overflow: (0.0, 0.0),
            attempts: 0.0,
            connections: 0.0,
        }
    }

    /// Takes notice of changed proxies: routes, clusters and limits are looked up anew. `config` gives the
    /// configuration of a pod's proxy, or what holds for callers without one; `outside` says what becomes of requests to
    /// hosts that are not in it.
    pub fn resolve<'a>(
        &mut self,
        config: impl Fn(Option<&PodKey>, &str) -> &'a ProxyConfig,
        outside: impl Fn(Option<&PodKey>, &str) -> Outside<'a>,
        inbound: impl Fn(&PodKey) -> Option<(String, Thresholds)>,
        peer: impl Fn(&PodKey) -> Option<Peer>,
    ) {
        self.steady = false;
        let (index, servers) = (&self.index, &self.servers);
        let peers: HashMap<&PodKey, Peer> = index.keys().filter_map(|key| Some((key, peer(key)?))).collect();
        for flow in &mut self.flows {
            let stream = &self.streams[flow.stream];
            let own = flow.caller.as_ref().filter(|_| flow.proxied);
            let (config, outside) = (config(own, &stream.source.0), outside(own, &stream.source.0));
            let identity =
                flow.caller.as_ref().and_then(|key| peers.get(key)).map_or(Identity::default(), |own| own.identity);
            let shake = shaken(&peers, identity, flow.proxied, flow.caller.is_none());
            flow.resolve(stream, config, outside, servers, |key| index.get(key).copied(), shake);
        }
        for server in &mut self.servers {
            let limits = inbound(&server.pod);
            server.inbound_name = limits.as_ref().map(|(name, _)| name.clone()).unwrap_or_default();
            server.limits = limits.map(|(_, thresholds)| thresholds);
        }
    }

    /// How many ticks the present rates hold at most: until the load wavers, or one while queues still move.
    pub fn horizon(&self) -> u64 {
        if self.steady { WAVER_TICKS - self.ticks % WAVER_TICKS } else { 1 }
    }

    /// Moves on by some ticks; more than one only as [`Traffic::horizon`] allows.
    pub fn tick(&mut self, ticks: u64, now: Timestamp, log: bool) {
        let dt = ticks as f64 * TICK;
        if !self.steady || self.ticks.is_multiple_of(WAVER_TICKS) {
            self.load();
            self.steady = self.settle(TICK);
        }
        self.accumulate(dt, now, log);
        self.ticks += ticks;
    }

    fn load(&mut self) {
        let period = self.ticks / WAVER_TICKS;
        let since_open = self.ticks as f64 * TICK - self.opens;
        for flow in self.flows.iter_mut().filter(|flow| self.streams[flow.stream].on_behalf.is_none()) {
            let stream = &self.streams[flow.stream];
            let name = flow.caller.as_ref().map_or("", |key| key.1.as_str());
            let draw = seed::unit(seed::mix(seed::hash(self.seed, &["load", name, &stream.authority]) ^ period));
            let factor = stream
                .changes
                .iter()
                .filter(|(after, _)| *after <= since_open)
                .map(|(_, factor)| *factor)
                .next_back()
                .unwrap_or(1.0);
            flow.demand = stream.demand(flow.ordinal.0, flow.ordinal.1, factor * (1.0 + WAVER * (2.0 * draw - 1.0)));
        }
    }

    /// One tick of queues and rates. Returns whether everything has come to rest.
    fn settle(&mut self, dt: f64) -> bool {
        for server in &mut self.servers {
            server.arrivals = 0.0;
            server.peak = 0.0;
        }
        for flow in &mut self.flows {
            for leg in flow.legs.iter_mut().filter(|leg| leg.sends()) {
                leg.admission = leg.admit(flow.demand, &self.servers, 0.0);
                let each = leg.arrivals(&leg.admission);
                let limits = leg.limits();
                let places = queue::places(limits, flow::WORKERS).0;
                let clients = match flow.demand {
                    queue::Demand::Closed { clients, .. } => clients,
                    queue::Demand::Open(_) => f64::INFINITY,
                };
                // The least busy of two endpoints gets each request: none has much more than its share.
                let peak = places.min(clients) / leg.servers.len() as f64 * 1.25;
                for index in &leg.servers {
                    self.servers[*index].arrivals += each;
                    self.servers[*index].peak += peak;
                }
            }
        }
        let mut rest = true;
        let mut next = Vec::with_capacity(self.servers.len());
        for (index, server) in self.servers.iter().enumerate() {
            let inbound = server.refuse(server.arrivals, server.wait);
            let arrivals = server.arrivals * (1.0 - inbound.refused);
            let target = if arrivals < 0.9 * server.ceiling() && server.wait < 10.0 * server.service_time {
                server.steady_wait(arrivals)
            } else {
                self.balance(index)
            };
            let pressure = arrivals / server.ceiling() - 1.0;
            let gap = target - server.wait;
            let step = match (gap > 0.0, pressure > 0.0) {
                // More arrives than is answered: the queue grows by the difference.
                (true, true) => gap.min(pressure * dt),
                (true, false) => gap * APPROACH,
                (false, _) => -(-gap).min((-pressure).max(0.1) * dt),
            };
            rest &= step.abs() < 1e-6
                && (inbound.refused - server.inbound.refused).abs() < 1e-6
                && (inbound.wait - server.inbound.wait).abs() < 1e-6;
            next.push((inbound, server.wait + step, pressure > 0.0 && step > 1e-6));
        }
        for (server, (inbound, wait, growing)) in self.servers.iter_mut().zip(next) {
            server.inbound = inbound;
            server.wait = wait;
            server.growing = growing;
        }
        for flow in &mut self.flows {
            let stream = &self.streams[flow.stream];
            for leg in &mut flow.legs {
                let before = leg.attempts;
                rest &= leg.settle(flow.demand, stream, &self.servers, dt);
                rest &= (leg.attempts - before).abs() < 1e-6;
            }
        }
        rest & self.pass_on()
    }

    /// The wait at which no more arrives at a busy server than it answers: callers' limits let less through the longer
    /// each request takes. Where they do not, the callers' patience is the end.
    fn balance(&self, index: usize) -> f64 {
        let server = &self.servers[index];
        let legs: Vec<_> = self
            .flows
            .iter()
            .flat_map(|flow| flow.legs.iter().map(move |leg| (flow, leg)))
            .filter(|(_, leg)| leg.servers.contains(&index))
            .collect();
        let patience = legs.iter().map(|(_, leg)| leg.patience()).fold(0.0, f64::max).min(120.0);
        let excess = |wait: f64| {
            let arrivals: f64 = legs
                .iter()
                .map(|(flow, leg)| leg.arrivals(&leg.admit(flow.demand, &self.servers, wait - server.wait)))
                .sum();
            let arrivals = arrivals * (1.0 - server.refuse(arrivals, wait).refused);
            server.steady_wait(arrivals) - wait
        };
        if excess(patience) > 0.0 {
            return patience;
        }
        let (mut low, mut high) = (0.0, patience);
        for _ in 0..40 {
            let middle = f64::midpoint(low, high);
            if excess(middle) > 0.0 { low = middle } else { high = middle }
        }
        f64::midpoint(low, high)
    }

    fn accumulate(&mut self, dt: f64, now: Timestamp, log: bool) {
        for flow in &mut self.flows {
            for leg in &flow.legs {
                leg.accumulate(&mut flow.totals[leg.totals].1, dt);
                for outcome in Outcome::ALL {
                    let rate = leg.server_rates[outcome as usize];
                    if rate <= 0.0 || outcome.at_server(500).is_none() || leg.servers.is_empty() {
                        continue;
                    }
                    let spread = leg.spread_at_server(outcome);
                    let each = rate * dt / leg.servers.len() as f64;
                    for (index, mutual) in leg.servers.iter().zip(&leg.mutual) {
                        self.servers[*index].counters(flow.stream, *mutual).add(outcome, each, &spread);
                    }
                }
            }
            if log {
                flow.journal.note(now, dt, &flow.legs);
            }
        }
        for server in &mut self.servers {
            let refused = server.arrivals * server.inbound.refused * dt;
            server.overflow.0 += refused * (1.0 - server.inbound.by_requests);
            server.overflow.1 += refused * server.inbound.by_requests;
            server.attempts += server.arrivals * (1.0 - server.inbound.refused) * dt;
            server.work(dt);
            let busy = server.active() * 1.2;
            if busy > 0.0 {
                server.connections = server.connections.max(busy.ceil());
            }
        }
    }
}
