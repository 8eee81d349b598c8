//! A Prometheus over the simulated mesh: it scrapes every pod at its interval of virtual time, and answers queries.

use std::collections::HashMap;
use std::time::Duration;

use jiff::Timestamp;

use super::State;
use super::envoy::stats::{self, Figure};
use super::istiod::plane;
use super::kubernetes::PodKey;
use super::traffic::counters::BUCKETS;
use crate::world::Spec;
use crate::world::objects::ROOT_NAMESPACE;
use crate::world::spec::PrometheusFault;

pub mod api;
mod apiserver;
pub mod eval;
pub mod exposition;
pub mod rules;
pub mod tsdb;

use rules::Rules;
use tsdb::{Database, Labels};

/// The job of the pods' sidecars in Istio's sample configuration.
const JOB: &str = "kubernetes-pods";

/// cAdvisor's metrics of a container with a CPU limit (`docs/storage/prometheus.md` of google/cadvisor).
const CADVISOR: [&str; 3] = [
    "container_cpu_usage_seconds_total",
    "container_cpu_cfs_periods_total",
    "container_cpu_cfs_throttled_periods_total",
];

/// cAdvisor's figure that the kernel's limit is held against.
const WORKING_SET: &str = "container_memory_working_set_bytes";

/// The server: its series, and what it remembers of its targets.
#[derive(Default)]
pub struct Prometheus {
    /// All series.
    pub database: Database,
    interval: Duration,
    scrapes: u32,
    present: bool,
    fault: PrometheusFault,
    opened: bool,
    /// The last scrape.
    pub last_scrape: Option<Timestamp>,
    targets: HashMap<PodKey, Target>,
    api_server: apiserver::ApiServer,
    /// Its alerting rules.
    pub rules: Rules,
}

/// A scraped pod, with the numbers of its series so that a scrape need not build labels.
#[derive(Default)]
struct Target {
    up: Option<usize>,
    cpu: Option<[usize; 3]>,
    /// The memory of its sidecar's container.
    memory: Option<usize>,
    plain: HashMap<String, usize>,
    /// Counter, sum, count, buckets and the last bucket of each group.
    groups: HashMap<(bool, usize, usize, usize), [usize; 23]>,
    /// Series of Envoy's statistics; `None` for one that is not exported.
    statistics: HashMap<String, Option<usize>>,
}

impl Prometheus {
    /// A server that has scraped nothing yet.
    pub fn new(spec: &Spec) -> Prometheus {
        Prometheus {
            interval: spec.telemetry.scrape_interval.0.max(Duration::from_secs(1)),
            present: spec.telemetry.prometheus,
            fault: spec.faults.prometheus,
            rules: rules::parse(&spec.telemetry.rules).unwrap_or_default(),
            ..Prometheus::default()
        }
    }

    /// The lab opens: a fault that begins then begins.
    pub fn open(&mut self, _now: Timestamp) {
        self.opened = true;
    }

    /// The scrape interval.
    pub fn interval(&self) -> Duration {
        self.interval
    }

    /// When the next scrape is due.
    pub fn next_scrape(&self, began: Timestamp) -> Timestamp {
        began + self.interval * (self.scrapes + 1)
    }

    /// Scrapes every target if it is time, and evaluates rules.
    pub fn scrape_if_due(&mut self, state: &State, now: Timestamp) {
        if now < self.next_scrape(state.began) {
            return;
        }
        self.scrapes += 1;
        let idle = match self.fault {
            PrometheusFault::NoSeries => true,
            PrometheusFault::Stale => self.opened,
            PrometheusFault::None | PrometheusFault::Down | PrometheusFault::Unavailable => false,
        };
        if !self.present {
            return;
        }
        if !idle {
            self.scrape(state, now);
        }
        self.rules.evaluate(&self.database, now.as_millisecond());
    }

    fn scrape(&mut self, state: &State, now: Timestamp) {
        self.last_scrape = Some(now);
        let at = now.as_millisecond();
        let mut targets = std::mem::take(&mut self.targets);
        targets.retain(|key, target| {
            let there = state.pods.contains_key(key);
            if !there {
                self.end(target, at);
            }
            there
        });
        for key in state.pods.keys() {
            if state.proxies.contains_key(key) {
                let target = targets.entry(key.clone()).or_default();
                self.scrape_sidecar(state, key, target, now);
            } else if key.0 == ROOT_NAMESPACE && state.pods.get(key).is_some_and(|pod| plane::is_istiod(pod)) {
                let target = targets.entry(key.clone()).or_default();
                self.scrape_istiod(state, key, target, at);
            }
        }
        if state.spec.telemetry.cpu {
            for server in state.traffic.servers.iter().filter(|server| server.pod.0 != ROOT_NAMESPACE) {
                let target = targets.entry(server.pod.clone()).or_default();
                let database = &mut self.database;
                let ids = *target.cpu.get_or_insert_with(|| {
                    CADVISOR.map(|name| database.series(of_container(name, "app", &server.pod)))
                });
                let values = [server.cpu_seconds, server.periods.0.floor(), server.periods.1.floor()];
                for (id, value) in ids.into_iter().zip(values) {
                    database.append(id, at, value);
                }
            }
        }
        self.targets = targets;
        self.scrape_api_server(state, now);
    }

    fn end(&mut self, target: &Target, at: i64) {
        let groups = target.groups.values().flatten();
        let statistics = target.statistics.values().flatten();
        for id in target
            .up
            .iter()
            .chain(target.cpu.iter().flatten())
            .chain(target.memory.iter())
            .chain(target.plain.values())
            .chain(groups)
            .chain(statistics)
        {
            self.database.end(*id, at);
        }
    }

    fn scrape_sidecar(&mut self, state: &State, key: &PodKey, target: &mut Target, now: Timestamp) {
        let at = now.as_millisecond();
        let down = state.proxies.get(key).is_some_and(|proxy| proxy.life.is_down);
        let mut known: Option<Labels> = None;
        let mut own = || known.get_or_insert_with(|| exposition::target_labels(state, key, JOB, 15020)).clone();
        let database = &mut self.database;
        let up = *target.up.get_or_insert_with(|| database.series(named(own(), "up")));
        database.append(up, at, if down { 0.0 } else { 1.0 });
        if down {
            // What the container had is gone with it; the next one counts anew.
            for id in target.memory.iter().chain(target.plain.values()) {
                database.end(*id, at);
            }
            return;
        }
        let memory = state.memory(key, now);
        if state.spec.telemetry.cpu {
            let series = || database.series(of_container(WORKING_SET, "istio-proxy", key));
            let id = *target.memory.get_or_insert_with(series);
            database.append(id, at, memory.working_set as f64);
        }
        let clusters = state.proxies.get(key).map_or(0, stats::active_clusters);
        for (name, value) in [
            ("envoy_server_memory_allocated", memory.allocated),
            ("envoy_server_memory_physical_size", memory.physical),
            ("envoy_server_total_connections", memory.connections),
            ("envoy_cluster_manager_active_clusters", clusters),
        ] {
            let id = match target.plain.get(name) {
                Some(id) => *id,
                None => {
                    let id = database.series(named(own(), name));
                    target.plain.insert(name.to_owned(), id);
                    id
                }
            };
            database.append(id, at, value as f64);
        }
        for group in exposition::groups(state, key) {
            let ids = *target.groups.entry(group.id).or_insert_with(|| {
                let mut labels = own();
                labels.extend((group.labels)());
                let mut ids = [0; 23];
                ids[0] = database.series(named(labels.clone(), "istio_requests_total"));
                ids[1] = database.series(named(labels.clone(), "istio_request_duration_milliseconds_sum"));
                ids[2] = database.series(named(labels.clone(), "istio_request_duration_milliseconds_count"));
                for (id, bound) in
                    ids[3..].iter_mut().zip(BUCKETS.iter().map(f64::to_string).chain(["+Inf".to_owned()]))
                {
                    let mut bucket = named(labels.clone(), "istio_request_duration_milliseconds_bucket");
                    bucket.insert("le".into(), bound);
                    *id = database.series(bucket);
                }
                ids
            });
            let count = group.counters.count(group.outcome) as f64;
            database.append(ids[0], at, count);
            database.append(ids[2], at, count);
            database.append(ids[22], at, count);
            if let Some(histogram) = &group.counters.durations[group.outcome as usize] {
                database.append(ids[1], at, histogram.sum);
                for (id, bucket) in ids[3..22].iter().zip(histogram.buckets) {
                    database.append(*id, at, bucket.floor());
                }
            }
        }
        for statistic in stats::with_traffic(state, key) {
            let id = *target.statistics.entry(statistic.name).or_insert_with_key(|name| {
                stats::exports(state, key, name).then(|| {
                    let (metric, labels) = stats::tagged(name);
                    let mut all = own();
                    all.extend(
                        labels
                            .split("\",")
                            .filter_map(|pair| pair.split_once("=\""))
                            .map(|(name, value)| (name.to_owned(), value.trim_end_matches('"').to_owned())),
                    );
                    database.series(named(all, &metric))
                })
            });
            if let (Some(id), Figure::Counter(value) | Figure::Gauge(value)) = (id, statistic.figure) {
                database.append(id, at, value as f64);
            }
        }
    }

    fn scrape_istiod(&mut self, state: &State, key: &PodKey, target: &mut Target, at: i64) {
        let database = &mut self.database;
        let own = || exposition::target_labels(state, key, JOB, 15014);
        let up = *target.up.get_or_insert_with(|| database.series(named(own(), "up")));
        let answers = plane::answers(state, key) && !state.shut_to_prometheus.contains(key);
        database.append(up, at, if answers { 1.0 } else { 0.0 });
        if !answers {
            return;
        }
        for (name, value) in super::istiod::debug::figures(state, key) {
            let id = *target.plain.entry(name).or_insert_with_key(|name| {
                let (metric, label) = name.split_once('{').unwrap_or((name, ""));
                let mut labels = named(own(), metric);
                if let Some((label, value)) = label.trim_end_matches('}').split_once('=') {
                    labels.insert(label.to_owned(), value.trim_matches('"').to_owned());
                }
                database.series(labels)
            });
            database.append(id, at, value);
        }
    }
}

fn of_container(metric: &str, container: &str, pod: &PodKey) -> Labels {
    let mut labels = Labels::new();
    for (name, value) in [
        ("job", "kubernetes-cadvisor"),
        ("container", container),
        ("namespace", pod.0.as_str()),
        ("pod", pod.1.as_str()),
    ] {
        labels.insert(name.into(), value.into());
    }
    // Only the use of CPU is told apart by core.
    if metric == CADVISOR[0] {
        labels.insert("cpu".into(), "total".into());
    }
    named(labels, metric)
}

fn named(mut labels: Labels, name: &str) -> Labels {
    labels.insert("__name__".into(), name.to_owned());
    labels
}
