//! What a proxy has counted for one of its clusters, gathered from flows (outbound) and from the server (inbound).

use std::collections::BTreeMap;

use crate::mesh::State;
use crate::mesh::istiod::rules::{Thresholds, UNLIMITED};
use crate::mesh::kubernetes::PodKey;
use crate::mesh::traffic::counters::whole;
use crate::mesh::traffic::flow::WORKERS;
use crate::mesh::traffic::outcome::Outcome;
use crate::mesh::traffic::queue;
use crate::world::spec::ProxyFaultKind;

/// Where a proxy's overflow counters stand that has the fault `huge-counter`: beyond a signed 64-bit number.
const HUGE: u64 = 18_446_744_073_709_551_613;

/// Counters and gauges of one cluster of one proxy.
#[derive(Clone, Debug, Default)]
pub struct Measured {
    /// Answers by status.
    pub codes: BTreeMap<u16, u64>,
    /// `upstream_rq_total`.
    pub attempts: u64,
    /// `upstream_rq_pending_overflow`.
    pub pending_overflow: u64,
    /// `upstream_rq_active_overflow`.
    pub active_overflow: u64,
    /// `upstream_rq_retry`.
    pub retries: u64,
    /// `upstream_rq_retry_success`.
    pub retry_success: u64,
    /// `upstream_rq_timeout`.
    pub timeouts: u64,
    /// `upstream_rq_per_try_timeout`.
    pub per_try_timeouts: u64,
    /// `upstream_rq_pending_total`.
    pub waited: u64,
    /// `upstream_cx_none_healthy`.
    pub none_healthy: u64,
    /// `upstream_cx_connect_fail`.
    pub connect_fail: u64,
    /// `upstream_cx_total` and `upstream_cx_active`: connections are kept.
    pub connections: u64,
    /// `upstream_rq_active`.
    pub active: u64,
    /// `upstream_rq_pending_active`.
    pub pending: u64,
    /// Requests by outcome of single endpoints: equal parts.
    pub successes: u64,
    /// Pods that outlier detection has ejected, by name (`outlier_detection.ejections_active` counts them).
    pub ejected: Vec<String>,
    /// The limits in force.
    pub limits: Thresholds,
    /// Cumulative counts of answer times by Istio's and Envoy's common bucket bounds, and their sum (ms).
    pub answered: ([f64; 19], f64),
}

impl Measured {
    /// Requests that ended at all (`upstream_rq_completed`).
    pub fn completed(&self) -> u64 {
        self.codes.values().sum()
    }

    /// Answers of one class, such as 5 for 5xx.
    pub fn class(&self, class: u16) -> u64 {
        self.codes.iter().filter(|(code, _)| *code / 100 == class).map(|(_, count)| count).sum()
    }

    /// `circuit_breakers.default.cx_open`.
    pub fn connections_full(&self) -> bool {
        self.limits.max_connections != UNLIMITED && self.connections >= u64::from(self.limits.max_connections)
    }

    /// `circuit_breakers.default.rq_pending_open`.
    pub fn pending_full(&self) -> bool {
        self.limits.max_pending_requests != UNLIMITED && self.pending >= u64::from(self.limits.max_pending_requests)
    }

    /// `circuit_breakers.default.rq_open`.
    pub fn requests_full(&self) -> bool {
        self.limits.max_requests != UNLIMITED && self.active >= u64::from(self.limits.max_requests)
    }
}

/// What the pod's proxy has counted for a cluster.
pub fn measure(state: &State, key: &PodKey, cluster: &str) -> Measured {
    let mut measured = match cluster.strip_prefix("inbound|") {
        Some(_) => inbound(state, key, cluster),
        None => outbound(state, key, cluster),
    };
    if let Some(proxy) = state.proxies.get(key) {
        if let Some((config, _)) = proxy.config.clusters.get(cluster) {
            measured.limits = config.thresholds();
        }
        if proxy.fault == Some(ProxyFaultKind::HugeCounter) && measured.pending_overflow + measured.active_overflow > 0
        {
            // Both fit an unsigned counter, neither a signed one.
            measured.pending_overflow = HUGE - 1_000_000_000 + measured.pending_overflow.min(1_000_000_000);
        }
    }
    measured
}

fn outbound(state: &State, key: &PodKey, cluster: &str) -> Measured {
    let mut measured = Measured::default();
    let own = state.traffic.flows.iter().filter(|flow| flow.caller.as_ref() == Some(key));
    for flow in own {
        let error_code = flow
            .legs
            .iter()
            .flat_map(|leg| leg.servers.first())
            .map(|index| state.traffic.servers[*index].error_code)
            .next()
            .unwrap_or(500);
        for (index, (name, totals)) in flow.totals.iter().enumerate() {
            if name != cluster {
                continue;
            }
            for outcome in Outcome::ALL {
                let report = outcome.at_caller(error_code);
                let count = totals.counters.count(outcome);
                if count > 0 && report.code > 0 {
                    *measured.codes.entry(report.code).or_default() += count;
                }
            }
            measured.attempts += whole(totals.attempts);
            measured.pending_overflow += whole(totals.pending_overflow);
            measured.active_overflow += whole(totals.active_overflow);
            measured.retries += whole(totals.retries);
            measured.retry_success += whole(totals.retry_success);
            measured.timeouts += totals.counters.count(Outcome::Timeout);
            measured.per_try_timeouts += whole(totals.per_try_timeouts);
            measured.waited += whole(totals.waited);
            measured.none_healthy += totals.counters.count(Outcome::NoHealthyUpstream);
            measured.connections += whole(totals.connections);
            measured.connect_fail += whole(totals.connect_fail);
            measured.successes += totals.counters.count(Outcome::Ok);
            if let Some(histogram) = &totals.counters.durations[Outcome::Ok as usize] {
                for (sum, bucket) in measured.answered.0.iter_mut().zip(histogram.buckets) {
                    *sum += bucket;
                }
                measured.answered.1 += histogram.sum;
            }
            for leg in flow.legs.iter().filter(|leg| leg.totals == index) {
                for pod in leg.ejected.iter().filter(|pod| !measured.ejected.contains(pod)).collect::<Vec<_>>() {
                    measured.ejected.push(pod.clone());
                }
                measured.active += leg.admission.active.round() as u64;
                measured.pending += leg.admission.pending.round() as u64;
            }
        }
    }
    measured
}

fn inbound(state: &State, key: &PodKey, cluster: &str) -> Measured {
    let mut measured = Measured::default();
    let Some(server) = state.traffic.servers.iter().find(|server| server.pod == *key && server.inbound_name == cluster)
    else {
        return measured;
    };
    for counters in server.from.iter().flatten() {
        for outcome in Outcome::ALL {
            let Some(report) = outcome.at_server(server.error_code) else { continue };
            let count = counters.count(outcome);
            if count > 0 && report.code > 0 {
                *measured.codes.entry(report.code).or_default() += count;
            }
        }
        measured.successes += counters.count(Outcome::Ok);
        measured.connect_fail += counters.count(Outcome::ApplicationDown);
        if let Some(histogram) = &counters.durations[Outcome::Ok as usize] {
            for (sum, bucket) in measured.answered.0.iter_mut().zip(histogram.buckets) {
                *sum += bucket;
            }
            measured.answered.1 += histogram.sum;
        }
    }
    measured.attempts = whole(server.attempts);
    measured.pending_overflow = whole(server.overflow.0);
    measured.active_overflow = whole(server.overflow.1);
    measured.active = server.active().round() as u64;
    measured.pending = server.pending().round() as u64;
    let places = server.limits.map_or(f64::INFINITY, |limits| queue::places(limits, WORKERS).0);
    measured.connections = whole(server.connections.min(places));
    measured
}
