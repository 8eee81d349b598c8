//! The sending side: what one pod sends to one host, where its proxy's routes lead it, and how that ends.

use std::sync::Arc;
use std::time::Duration;

use super::counters::{Counters, Spread};
use super::ejection;
use super::outcome::{OUTCOMES, Outcome};
use super::queue::{self, Admission, Demand};
use super::retry::{Attempts, pauses};
use super::server::Server;
use super::tls::{self, Shake};
use crate::mesh::access_log::Journal;
use crate::mesh::istiod::config::{Cluster, Endpoint, ProxyConfig};
use crate::mesh::istiod::routes::Route;
use crate::mesh::istiod::rules::{Policy, Thresholds};
use crate::mesh::kubernetes::PodKey;

/// The time (s) that two proxies and the network add to each request.
pub const HOPS: f64 = 0.001;
/// Worker threads of each Envoy, Istio's default `concurrency`.
pub const WORKERS: u32 = 2;

/// One stream of the world: who calls which host how.
#[derive(Clone, Debug)]
pub struct Stream {
    /// Namespace and name of the calling workload.
    pub source: (String, String),
    /// The cluster it calls from; this one's id unless the caller is elsewhere.
    pub source_cluster: String,
    /// Host and port as the caller writes them.
    pub authority: String,
    /// The path of its requests.
    pub path: String,
    /// Their headers, if any matter: names in lower case.
    pub headers: Vec<(String, String)>,
    /// Open-loop rate of all pods (1/s).
    pub rate: f64,
    /// Closed-loop clients of all pods.
    pub clients: Option<f64>,
    /// Pause of a closed-loop client (s).
    pub think: f64,
    /// Shares of the pods, empty for equal ones.
    pub shares: Vec<f64>,
    /// Time since the lab opened (s), and factor.
    pub changes: Vec<(f64, f64)>,
    /// When the calling application gives up.
    pub client_timeout: Duration,
    /// Requests of this stream for each request that the calling pod answers; `None` for one with a load of its own.
    pub on_behalf: Option<f64>,
}

impl Stream {
    /// What one pod of the workload wants to send; `factor` is the load at this moment.
    pub fn demand(&self, pod: usize, pods: usize, factor: f64) -> Demand {
        let total: f64 = if self.shares.is_empty() { pods as f64 } else { self.shares.iter().take(pods).sum() };
        let own = if self.shares.is_empty() { 1.0 } else { self.shares.get(pod).copied().unwrap_or(0.0) };
        let part = if total > 0.0 { own / total } else { 0.0 };
        match self.clients {
            Some(clients) => Demand::Closed { clients: clients * part * factor, think: self.think },
            None => Demand::Open(self.rate * part * factor),
        }
    }
}

/// What Envoy counts for one cluster besides its answers.
#[derive(Clone, Debug, Default)]
pub struct ClusterTotals {
    /// Requests by outcome, with durations.
    pub counters: Counters,
    /// Attempts that got a connection (`upstream_rq_total`).
    pub attempts: f64,
    /// Attempts after the first (`upstream_rq_retry`).
    pub retries: f64,
    /// Requests that a retry saved (`upstream_rq_retry_success`).
    pub retry_success: f64,
    /// `upstream_rq_pending_overflow`.
    pub pending_overflow: f64,
    /// `upstream_rq_active_overflow`.
    pub active_overflow: f64,
    /// `upstream_rq_per_try_timeout`.
    pub per_try_timeouts: f64,
    /// `upstream_cx_connect_fail`.
    pub connect_fail: f64,
    /// `upstream_rq_pending_total`: requests that had to wait for a connection.
    pub waited: f64,
    /// The most connections there have been (`upstream_cx_total`: they are kept).
    pub connections: f64,
}

/// A part of a flow: one destination of its route.
pub struct Leg {
    /// The cluster; `None` if no route or no such cluster was found.
    pub cluster: Option<Arc<Cluster>>,
    /// The route's name for access logs.
    pub route_name: String,
    route: Option<Arc<Route>>,
    share: f64,
    limits: Thresholds,
    /// How every request ends if none can be sent.
    fails: Option<Outcome>,
    /// The servers behind it that it can talk to, by index, and whether by mutual TLS.
    pub servers: Vec<usize>,
    /// Of each of these, whether the connection is mutual TLS.
    pub mutual: Vec<bool>,
    /// What comes of a connection to each endpoint of the cluster.
    pub shakes: Arc<[Shake]>,
    /// The shares of the endpoints at which requests end by a failed handshake.
    refused: Vec<(Outcome, f64)>,
    /// What its proxy admits at present.
    pub admission: Admission,
    /// Rate of each outcome (1/s).
    pub rates: [f64; OUTCOMES],
    /// Rate of each outcome as the servers see it: every attempt for itself (1/s).
    pub server_rates: [f64; OUTCOMES],
    /// Attempts for each accepted request.
    pub attempts: f64,
    per_try: f64,
    saved: f64,
    answered: Spread,
    /// As `answered`, by the server's clock: without what the caller's proxy adds.
    served: Spread,
    /// Endpoints that outlier detection has ejected, by their pods' names.
    pub ejected: Vec<String>,
    timeout: f64,
    try_timeout: f64,
    /// How long (s) a request takes of which every attempt is cut, and an attempt that is tried again.
    in_vain: f64,
    failed: f64,
    /// The wait (s) for a connection where the number of waiting requests is not limited.
    queue_wait: f64,
    /// Mean latency (s) of an attempt.
    pub latency: f64,
    /// Index of its totals in the flow.
    pub totals: usize,
}

/// What becomes of requests to a host that the caller's proxy does not know.
#[derive(Clone, Copy)]
pub enum Outside<'a> {
    /// They end so.
    Ends(Outcome),
    /// They go where DNS and kube-proxy lead them, in plain text and without anything that the mesh says of the host:
    /// `PassthroughCluster`. This is what holds there.
    Passes(&'a ProxyConfig),
}

/// The cluster for whatever is let through to its original destination.
pub const PASSTHROUGH: &str = "PassthroughCluster";

/// What one pod sends to one host.
pub struct Flow {
    /// Index of its stream.
    pub stream: usize,
    /// The calling pod; `None` if it is in another cluster.
    pub caller: Option<PodKey>,
    /// Which of the workload's pods it is, and of how many.
    pub ordinal: (usize, usize),
    /// Whether the calling pod has a sidecar.
    pub proxied: bool,
    /// What it wants to send.
    pub demand: Demand,
    /// Where that goes.
    pub legs: Vec<Leg>,
    /// What was counted, by cluster name; it outlives the legs.
    pub totals: Vec<(String, ClusterTotals)>,
    /// What access logs are made of.
    pub journal: Journal,
}

impl Flow {
    /// Finds routes, clusters and servers anew, from the proxy's present configuration.
    pub fn resolve(
        &mut self,
        stream: &Stream,
        config: &ProxyConfig,
        outside: Outside<'_>,
        known: &[Server],
        find: impl Fn(&PodKey) -> Option<usize>,
        shake: impl Fn(&Cluster, &Endpoint) -> Shake,
    ) {
        // Queues and retries under way do not end because a configuration has changed.
        let old: Vec<(Option<String>, f64, f64)> = self
            .legs
            .iter()
            .map(|leg| (leg.cluster.as_ref().map(|c| c.name.clone()), leg.queue_wait, leg.attempts))
            .collect();
        self.legs.clear();
        let known_host = config.host(&stream.authority, &stream.source.0);
        let passed = match (known_host, outside) {
            (None, Outside::Passes(plain)) => passed_through(stream, plain),
            _ => None,
        };
        let (plain, through);
        let route = if let Some(cluster) = &passed {
            through = Route { name: "allow_any".into(), retries: 0, ..Route::plain(cluster.name.clone()) };
            &through
        } else if let Some(host) = known_host {
            let Some(route) = host.routes.iter().find(|route| route.takes(&stream.path, &stream.headers)) else {
                self.fail(Outcome::NoRoute, String::new());
                return;
            };
            if self.proxied {
                route
            } else {
                // Without a sidecar nobody reads the VirtualService.
                plain = Route {
                    timeout: None,
                    retries: 0,
                    per_try_timeout: None,
                    destinations: vec![(format!("outbound|{}||{}", host.port, host.host), 1)],
                    ..route.clone()
                };
                &plain
            }
        } else {
            match outside {
                Outside::Ends(Outcome::Blocked) => self.fail(Outcome::Blocked, "block_all".into()),
                Outside::Ends(_) | Outside::Passes(_) => self.fail(Outcome::NoRoute, String::new()),
            }
            return;
        };
        let route = Arc::new(route.clone());
        let weights: u32 = route.destinations.iter().map(|(_, weight)| weight).sum();
        for (name, weight) in &route.destinations {
            let share = f64::from(*weight) / f64::from(weights.max(1));
            let cluster = passed.clone().or_else(|| config.clusters.get(name).map(|(cluster, _)| cluster.clone()));
            let (mut places, mut shakes) = (Vec::new(), Vec::new());
            for (cluster, endpoint) in cluster.iter().flat_map(|c| c.endpoints.iter().map(move |e| (c, e))) {
                let shake = shake(cluster, endpoint);
                shakes.push(shake);
                places.extend(find(&(endpoint.namespace.clone(), endpoint.pod.clone())).map(|index| (index, shake)));
            }
            let mut ejected = Vec::new();
            if let Some(cluster) = cluster.as_ref().filter(|_| self.proxied) {
                let errors: Vec<f64> = places.iter().map(|(index, _)| known[*index].faulty_rate).collect();
                for place in ejection::ejected(&cluster.policy.outlier_detection, &errors).into_iter().rev() {
                    ejected.push(known[places.remove(place).0].pod.1.clone());
                }
            }
            let refused = tls::failures(&places.iter().map(|(_, shake)| *shake).collect::<Vec<_>>());
            let (servers, mutual): (Vec<usize>, Vec<bool>) = places
                .iter()
                .filter(|(_, shake)| !matches!(shake, Shake::Failed(_)))
                .map(|(index, shake)| (*index, *shake == Shake::Mutual))
                .unzip();
            let fails = match (&cluster, servers.is_empty()) {
                (None, _) if route.gateway_semantics => Some(Outcome::NoBackend),
                (None, _) => Some(Outcome::NoCluster),
                (Some(_), true) => Some(refused.first().map_or(Outcome::NoHealthyUpstream, |(outcome, _)| *outcome)),
                (Some(_), false) => None,
            };
            let limits = if self.proxied {
                cluster.as_ref().map(|c| c.thresholds()).unwrap_or_default()
            } else {
                Thresholds::default()
            };
            let (queue_wait, attempts) = old
                .iter()
                .find(|(cluster, ..)| cluster.as_ref() == Some(name))
                .map_or((0.0, 1.0), |(_, wait, attempts)| (*wait, *attempts));
            let totals = self.totals_of(if cluster.is_some() { name } else { "" });
            let (timeout, try_timeout) = timeouts(&route, stream);
            self.legs.push(Leg {
                route_name: if matches!(fails, Some(Outcome::NoCluster | Outcome::NoBackend)) {
                    String::new()
                } else {
                    route.name.clone()
                },
                cluster,
                route: Some(route.clone()),
                share,
                limits,
                fails,
                servers,
                mutual,
                shakes: shakes.into(),
                refused,
                admission: Admission::default(),
                rates: [0.0; OUTCOMES],
                server_rates: [0.0; OUTCOMES],
                attempts,
                per_try: 0.0,
                saved: 0.0,
                answered: Spread::default(),
                served: Spread::default(),
                ejected,
                timeout,
                try_timeout,
                in_vain: 0.0,
                failed: 0.0,
                queue_wait,
                latency: 0.0,
                totals,
            });
        }
    }

    fn fail(&mut self, outcome: Outcome, route_name: String) {
        let totals = self.totals_of("");
        self.legs.push(Leg {
            cluster: None,
            route_name,
            route: None,
            share: 1.0,
            limits: Thresholds::default(),
            fails: Some(outcome),
            servers: Vec::new(),
            mutual: Vec::new(),
            shakes: [].into(),
            refused: Vec::new(),
            admission: Admission::default(),
            rates: [0.0; OUTCOMES],
            server_rates: [0.0; OUTCOMES],
            attempts: 1.0,
            per_try: 0.0,
            saved: 0.0,
            answered: Spread::default(),
            served: Spread::default(),
            ejected: Vec::new(),
            timeout: f64::INFINITY,
            try_timeout: f64::INFINITY,
            in_vain: 0.0,
            failed: 0.0,
            queue_wait: 0.0,
            latency: 0.0,
            totals,
        });
    }

    fn totals_of(&mut self, cluster: &str) -> usize {
        match self.totals.iter().position(|(name, _)| name == cluster) {
            Some(index) => index,
            None => {
                self.totals.push((cluster.to_owned(), ClusterTotals::default()));
                self.totals.len() - 1
            }
        }
    }
}

/// The endpoints to which a request comes that a proxy only lets through.
fn passed_through(stream: &Stream, plain: &ProxyConfig) -> Option<Arc<Cluster>> {
    let host = plain.host(&stream.authority, &stream.source.0)?;
    let (cluster, _) = plain.clusters.get(&format!("outbound|{}||{}", host.port, host.host))?;
    let policy = Policy { tls_mode: Some("DISABLE".into()), ..Policy::default() };
    Some(Arc::new(Cluster { name: PASSTHROUGH.into(), policy, ..(**cluster).clone() }))
}

fn timeouts(route: &Route, stream: &Stream) -> (f64, f64) {
    let seconds = |duration: Option<Duration>| duration.map_or(f64::INFINITY, |d| d.as_secs_f64());
    (seconds(route.timeout).min(stream.client_timeout.as_secs_f64()), seconds(route.per_try_timeout))
}

impl Leg {
    /// Whether its requests reach a server at all.
    pub fn sends(&self) -> bool {
        self.fails.is_none()
    }

    /// What the proxy would admit if the servers' queues were `extra` seconds longer than they are.
    pub fn admit(&self, demand: Demand, servers: &[Server], extra: f64) -> Admission {
        let latency = (self.mean(servers, Server::latency) + HOPS + extra) * self.attempts;
        queue::admit(scaled(demand, self.share), latency.max(1e-4), self.limits, WORKERS)
    }

    /// Attempts (1/s) that arrive at each of its servers, for an admission.
    pub fn arrivals(&self, admission: &Admission) -> f64 {
        admission.accepted.min(admission.ceiling) * self.attempts * self.open() / self.servers.len().max(1) as f64
    }

    /// The share of attempts whose connection stands.
    fn open(&self) -> f64 {
        1.0 - self.refused.iter().map(|(_, share)| share).sum::<f64>()
    }

    /// How often a request is tried at most.
    pub fn tries(&self) -> u32 {
        1 + self.route.as_ref().map_or(0, |route| route.retries)
    }

    fn mean(&self, servers: &[Server], of: impl Fn(&Server) -> f64) -> f64 {
        let sum: f64 = self.servers.iter().map(|index| of(&servers[*index])).sum();
        sum / self.servers.len().max(1) as f64
    }

    /// The longest that an attempt can wait (s): then it is cut, and leaves the server's queue.
    pub fn patience(&self) -> f64 {
        self.timeout.min(self.try_timeout)
    }

    /// Rates and durations of each outcome, from the servers' present state. `dt` moves the unlimited queue on.
    pub fn settle(&mut self, demand: Demand, stream: &Stream, servers: &[Server], dt: f64) -> bool {
        self.rates = [0.0; OUTCOMES];
        self.server_rates = [0.0; OUTCOMES];
        if let Some(outcome) = self.fails {
            self.admission = Admission::default();
            let offered = match scaled(demand, self.share) {
                Demand::Open(rate) => rate,
                // A client that fails at once comes again after its pause.
                Demand::Closed { clients, think } => clients / (think + 0.001),
            };
            self.admission.offered = offered;
            self.rates[outcome as usize] = offered;
            return true;
        }
        let admission = self.admit(demand, servers, 0.0);
        self.latency = self.mean(servers, Server::latency) + HOPS;
        let before = self.queue_wait;
        if admission.accepted > admission.ceiling {
            // More than the connections can carry and no limit on waiting: the queue grows until requests time out.
            self.queue_wait = (before + (admission.accepted / admission.ceiling - 1.0) * dt).min(self.timeout);
        } else {
            let drain = if admission.ceiling.is_finite() { 1.0 - admission.accepted / admission.ceiling } else { 1.0 };
            self.queue_wait = (before - drain * dt).max(0.0);
        }
        let wait = admission.wait.max(self.queue_wait);
        self.admission = Admission { wait, pending: admission.accepted.min(admission.ceiling) * wait, ..admission };
        let offset = HOPS + self.mean(servers, Server::queueing);
        let service = self.mean(servers, |server| server.service_time);
        self.fates(stream, servers, wait, offset, service);
        (self.queue_wait - before).abs() < 1e-9
    }

    fn fates(&mut self, stream: &Stream, servers: &[Server], wait: f64, offset: f64, service: f64) {
        let slower_than = |limit: f64, offset: f64| {
            if limit.is_finite() { 1.0 - queue::share_within(limit - offset, service) } else { 0.0 }
        };
        let refused = self.mean(servers, |server| server.inbound.refused);
        let down = self.mean(servers, |server| if server.down { 1.0 } else { 0.0 });
        let slow = slower_than(self.try_timeout, offset);
        let error = self.mean(servers, Server::errors);
        let error_code =
            servers.get(self.servers.first().copied().unwrap_or(0)).map_or(500, |server| server.error_code);
        let open = self.open();
        let reached = open * (1.0 - refused);
        // How one attempt ends. An overflow is never retried: its answer carries x-envoy-overloaded.
        let retry_on = self.route.as_ref().map_or("", |route| route.retry_on.as_str());
        let names = |word: &str| retry_on.split(',').any(|one| one.trim() == word);
        let (on_5xx, on_gateway) = (names("5xx"), names("gateway-error"));
        let ends = [
            (Outcome::ServerOverflow, open * refused, false),
            (Outcome::ApplicationDown, reached * down, on_5xx || on_gateway),
            (Outcome::TryTimeout, reached * (1.0 - down) * slow, on_5xx || on_gateway),
            (
                Outcome::ApplicationError,
                reached * (1.0 - down) * (1.0 - slow) * error,
                (on_5xx && error_code >= 500) || (on_gateway && (502..=504).contains(&error_code)),
            ),
            (Outcome::Ok, reached * (1.0 - down) * (1.0 - slow) * (1.0 - error), false),
        ];
        let again_after = |outcome: Outcome| {
            on_5xx || on_gateway || names(if outcome.is_connect_failure() { "connect-failure" } else { "reset" })
        };
        let shaken = self.refused.iter().map(|(outcome, share)| (*outcome, *share, again_after(*outcome)));
        let ends: Vec<_> = ends.into_iter().chain(shaken).collect();
        let retries = self.route.as_ref().map_or(0, |route| route.retries);
        let again: f64 = ends.iter().filter(|(_, _, retried)| *retried).map(|(_, share, _)| share).sum();
        let last = again.powi(i32::try_from(retries).unwrap_or(i32::MAX));
        self.attempts = (0..=retries.min(64)).map(|k| again.powi(i32::try_from(k).unwrap_or(i32::MAX))).sum();
        // What takes longer than the route's timeout, or than the calling application waits, ends there.
        let (mut tried, mut failing) = (0.0, 0.0);
        for (outcome, share, _) in ends.iter().filter(|(_, _, retried)| *retried) {
            tried += share;
            failing += share
                * match outcome {
                    Outcome::TryTimeout => self.try_timeout,
                    Outcome::ApplicationDown => 0.03,
                    outcome if outcome.is_handshake() => 0.002,
                    _ => offset + service,
                };
        }
        let failed = if tried > 0.0 { failing / tried } else { 0.0 };
        let more = (self.attempts - 1.0).max(0.0);
        let late = slower_than(self.timeout, wait + offset + more * failed + pauses(more.round() as u32));
        // Of those, the attempts before the one that is cut.
        let cut_before = if failed > 0.0 { more.min((self.timeout - wait) / failed).max(0.0) } else { 0.0 };
        // What a queue takes in beyond what leaves it has no outcome yet; when waiting lasts as long as patience, it has.
        let accepted = self.admission.accepted;
        let carried = accepted.min(self.admission.ceiling) * self.mean(servers, Server::completed);
        for (outcome, share, retried) in ends.iter().copied() {
            let finally = if retried { share * last } else { share * self.attempts };
            self.rates[outcome as usize] += carried * finally * (1.0 - late);
            self.server_rates[outcome as usize] += carried * self.attempts * share * (1.0 - late);
        }
        let gone = self.timeout >= stream.client_timeout.as_secs_f64();
        let end = if gone { Outcome::ClientGone } else { Outcome::Timeout } as usize;
        let unsent =
            if self.queue_wait >= self.timeout { accepted - accepted.min(self.admission.ceiling) } else { 0.0 };
        self.rates[end] += carried * late + unsent;
        self.server_rates[end] += carried * late;
        for (outcome, share, _) in ends.iter().filter(|(_, _, retried)| *retried && late > 0.0) {
            self.server_rates[*outcome as usize] += carried * late * cut_before * share / tried;
        }
        self.rates[Outcome::Overflow as usize] = self.admission.pending_overflow + self.admission.active_overflow;
        self.per_try = accepted * self.attempts * reached * (1.0 - down) * slow;
        self.saved = accepted * (self.attempts - 1.0).max(0.0) * (1.0 - again);
        let (cut, attempts) = (self.timeout.is_finite().then_some(self.timeout), Attempts { again, retries, failed });
        self.answered = attempts.spread(wait + offset, service, cut);
        self.served =
            Spread::of(offset - HOPS, service, Some(self.timeout.min(self.try_timeout)).filter(|t| t.is_finite()));
        self.in_vain = f64::from(retries + 1) * self.try_timeout + pauses(retries);
        self.failed = failed;
    }

    /// How long requests of one outcome take, as the caller's proxy sees it.
    pub fn spread(&self, outcome: Outcome) -> Spread {
        match outcome {
            Outcome::Ok | Outcome::ApplicationError => self.answered.clone(),
            Outcome::Timeout | Outcome::ClientGone => Spread::exactly(self.timeout),
            Outcome::TryTimeout => Spread::exactly(self.in_vain.min(self.timeout)),
            Outcome::ApplicationDown => Spread::exactly(0.03),
            Outcome::ServerOverflow | Outcome::Denied => Spread::exactly(HOPS),
            Outcome::Plaintext | Outcome::Rejected => Spread::exactly(0.0015),
            Outcome::Untrusted | Outcome::Expired | Outcome::NoTls | Outcome::NoFilterChain => Spread::exactly(0.061),
            Outcome::Overflow
            | Outcome::NoHealthyUpstream
            | Outcome::NoRoute
            | Outcome::NoCluster
            | Outcome::NoBackend
            | Outcome::Blocked => Spread::exactly(0.0003),
        }
    }

    /// How long one attempt of one outcome takes, as the server's proxy sees it.
    pub fn spread_at_server(&self, outcome: Outcome) -> Spread {
        match outcome {
            Outcome::Ok | Outcome::ApplicationError => self.served.clone(),
            // The wait for a connection, and the attempts before, are over when the last attempt begins.
            Outcome::Timeout | Outcome::ClientGone => {
                let begun = self.admission.wait + (self.attempts - 1.0).max(0.0) * self.failed;
                Spread::exactly((self.timeout - begun).clamp(0.0, self.try_timeout))
            }
            Outcome::TryTimeout => Spread::exactly(self.try_timeout),
            other => self.spread(other),
        }
    }

    /// Mean time (s) until a request ends, however it ends, and the share that ends without an answer of 200; `None`
    /// while nothing is sent.
    pub fn response(&self) -> Option<(f64, f64)> {
        let total: f64 = self.rates.iter().sum();
        if total <= 0.0 {
            return None;
        }
        let time: f64 = Outcome::ALL.iter().map(|end| self.rates[*end as usize] * self.spread(*end).mean).sum();
        Some((time / total / 1000.0, 1.0 - self.rates[Outcome::Ok as usize] / total))
    }

    /// The share of the flow that takes this way.
    pub fn share(&self) -> f64 {
        self.share
    }

    /// Adds `dt` seconds at the present rates.
    pub fn accumulate(&self, totals: &mut ClusterTotals, dt: f64) {
        for outcome in Outcome::ALL {
            let rate = self.rates[outcome as usize];
            if rate > 0.0 {
                totals.counters.add(outcome, rate * dt, &self.spread(outcome));
            }
        }
        let handshakes = Outcome::ALL.iter().filter(|outcome| outcome.is_handshake());
        for outcome in handshakes.filter(|outcome| self.rates[**outcome as usize] > 0.0) {
            let requests = self.rates[*outcome as usize] * dt;
            if outcome.is_connect_failure() {
                totals.connect_fail += requests * f64::from(self.tries());
            } else if self.fails.is_some() {
                // The connection stood long enough for the request to be sent.
                totals.attempts += requests;
                totals.connections += requests;
            }
        }
        if self.fails.is_some() {
            return;
        }
        let admission = &self.admission;
        totals.attempts += admission.accepted.min(admission.ceiling) * self.attempts * dt;
        totals.retries += admission.accepted * (self.attempts - 1.0).max(0.0) * dt;
        totals.retry_success += self.saved * dt;
        totals.pending_overflow += admission.pending_overflow * dt;
        totals.active_overflow += admission.active_overflow * dt;
        totals.per_try_timeouts += self.per_try * dt;
        if admission.wait > 0.0 {
            totals.waited += admission.accepted * dt;
        }
        let places = queue::places(self.limits, WORKERS).0;
        totals.connections = totals.connections.max((admission.active * 1.2).ceil().max(1.0).min(places));
    }

    /// The limits in force.
    pub fn limits(&self) -> Thresholds {
        self.limits
    }
}

fn scaled(demand: Demand, share: f64) -> Demand {
    match demand {
        Demand::Open(rate) => Demand::Open(rate * share),
        Demand::Closed { clients, think } => Demand::Closed { clients: clients * share, think },
    }
}
