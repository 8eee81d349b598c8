//! The arithmetic of queues: what a number of places refuses, how long requests wait, how latency is spread.
//!
//! Arrivals are Poisson and services exponential where a formula needs it (M/M/c and M/M/c/K: Erlang, 1917). Little's
//! law, in flight = rate × time, holds for every result.

use crate::mesh::istiod::rules::{Thresholds, UNLIMITED};

/// A share below this is none: one request in a million.
const NEGLIGIBLE: f64 = 1e-6;

/// The shape of the log-logistic distribution of service times: its 99th percentile is 2.15 times its median.
const SHAPE: f64 = 6.0;

/// What a queue with a limited number of places does to Poisson arrivals.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Loss {
    /// The share of arrivals that finds no place.
    pub refused: f64,
    /// The mean number of requests that wait.
    pub waiting: f64,
}

/// M/M/c/K: `offered` erlangs (rate × service time), `servers` and `waiting_places` beyond them.
pub fn loss(offered: f64, servers: f64, waiting_places: f64) -> Loss {
    if offered <= 0.0 {
        return Loss::default();
    }
    // Twelve deviations above the mean nothing is ever refused.
    if servers >= offered + 12.0 * offered.sqrt() + 12.0 {
        return Loss::default();
    }
    let blocked = erlang_b(offered, servers);
    let usage = offered / servers;
    let places = waiting_places.min(1e9);
    // Relative to the state in which all servers are busy and nobody waits.
    let below = 1.0 / blocked;
    let (sum, weighted, last) = geometric(usage, places);
    let total = below + sum;
    let refused = last / total;
    Loss { refused: if refused < NEGLIGIBLE { 0.0 } else { refused }, waiting: weighted / total }
}

/// Σ u^j and Σ j·u^j for j = 1..=n, and u^n.
fn geometric(usage: f64, places: f64) -> (f64, f64, f64) {
    if places < 1.0 {
        return (0.0, 0.0, 1.0);
    }
    if (usage - 1.0).abs() < 1e-9 {
        return (places, places * (places + 1.0) / 2.0, 1.0);
    }
    let last = usage.powf(places);
    if !last.is_finite() || last > 1e200 {
        // Nearly always full: in units of the last state, the sums are those of a geometric series downwards.
        let down = usage / (usage - 1.0);
        return (1e200 * down, 1e200 * down * (places - 1.0 / (usage - 1.0)), 1e200);
    }
    let sum = usage * (last - 1.0) / (usage - 1.0);
    let weighted = (places * last * usage - sum) / (usage - 1.0);
    (sum, weighted, last)
}

/// Erlang's B formula by its recursion.
fn erlang_b(offered: f64, servers: f64) -> f64 {
    let mut blocked = 1.0;
    let mut n = 1.0;
    while n <= servers {
        blocked = offered * blocked / (n + offered * blocked);
        n += 1.0;
    }
    f64::max(blocked, f64::MIN_POSITIVE)
}

/// The mean wait (s) in M/M/c without a limit; infinite if more arrives than can be served.
pub fn wait(rate: f64, service_time: f64, servers: f64) -> f64 {
    let offered = rate * service_time;
    if offered >= servers {
        return f64::INFINITY;
    }
    if offered <= 0.0 || servers >= offered + 12.0 * offered.sqrt() + 12.0 {
        return 0.0;
    }
    let b = erlang_b(offered, servers);
    let c = b / (1.0 - (offered / servers) * (1.0 - b));
    c * service_time / (servers - offered)
}

/// The share of service times up to `time` (s), if their mean is `mean` (s).
pub fn share_within(time: f64, mean: f64) -> f64 {
    if time <= 0.0 {
        return 0.0;
    }
    let angle = std::f64::consts::PI / SHAPE;
    let scale = mean * angle.sin() / angle;
    1.0 / (1.0 + (scale / time).powf(SHAPE))
}

/// What wants to be sent through one proxy to one cluster.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Demand {
    /// So many requests a second, whatever happens to them.
    Open(f64),
    /// So many clients, each with one request at a time, pausing `think` seconds after each answer.
    Closed {
        /// Number of clients.
        clients: f64,
        /// Pause in seconds.
        think: f64,
    },
}

/// How an Envoy admits requests to a cluster over HTTP/1.1: rates a second, waits in seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Admission {
    /// Everything that was sent.
    pub offered: f64,
    /// What got a connection, at once or after waiting.
    pub accepted: f64,
    /// Refused: no place to wait (`upstream_rq_pending_overflow`).
    pub pending_overflow: f64,
    /// Refused: too many requests on connections (`upstream_rq_active_overflow`).
    pub active_overflow: f64,
    /// Mean wait for a connection.
    pub wait: f64,
    /// Requests on connections, by Little's law.
    pub active: f64,
    /// Requests that wait for a connection, by Little's law.
    pub pending: f64,
    /// Rate above which requests only pile up; infinite without limits.
    pub ceiling: f64,
}

/// How long the answer to a refused request takes: 16 clients of wrk got 37,000 of them a second.
const REFUSAL_TIME: f64 = 0.0004;

/// How many connections and requests a proxy with these limits may have at work: each of Envoy's workers may hold one
/// connection, whatever the limit.
pub fn places(limits: Thresholds, workers: u32) -> (f64, f64, bool) {
    let connections = f64::from(limits.max_connections.max(workers));
    let requests = f64::from(limits.max_requests);
    let by_requests = requests < connections;
    let pending = if by_requests { 0.0 } else { f64::from(limits.max_pending_requests) };
    (connections.min(requests).max(1.0), pending, by_requests)
}

/// What a proxy admits while each request takes `latency` seconds from its connection on.
pub fn admit(demand: Demand, latency: f64, limits: Thresholds, workers: u32) -> Admission {
    let (servers, waiting_places, by_requests) = places(limits, workers);
    let ceiling = if servers >= f64::from(UNLIMITED) { f64::INFINITY } else { servers / latency };
    let unlimited_queue = waiting_places >= 1e6;
    let mut result = Admission { ceiling, ..Admission::default() };
    let refused = match demand {
        Demand::Open(rate) => {
            result.offered = rate;
            let offered = rate * latency;
            if unlimited_queue {
                // Nothing is refused; what the wait is beyond the ceiling depends on time, see `Flow`.
                result.accepted = rate;
                let steady = wait(rate, latency, servers);
                result.wait = if steady.is_finite() { steady } else { 0.0 };
                0.0
            } else {
                let loss = loss(offered, servers, waiting_places);
                result.accepted = rate * (1.0 - loss.refused);
                result.wait = if result.accepted > 0.0 { loss.waiting / result.accepted } else { 0.0 };
                rate * loss.refused
            }
        }
        Demand::Closed { clients, think } => {
            let free = clients / (latency + think);
            if clients <= 0.0 {
                0.0
            } else if free * latency <= servers {
                result.accepted = free;
                result.offered = free;
                0.0
            } else {
                result.accepted = servers / latency;
                let inside = clients.min(servers + waiting_places);
                let thinking = result.accepted * think;
                result.wait = ((inside - servers - thinking).max(0.0) / result.accepted).max(0.0);
                let refused = (clients - inside - thinking).max(0.0) / (REFUSAL_TIME + think);
                result.offered = result.accepted + refused;
                refused
            }
        }
    };
    // A free connection is there whenever requests are fewer than connections: then the requests' limit refuses.
    let connections = f64::from(limits.max_connections.max(workers));
    let share = if by_requests { (connections - servers) / connections } else { 0.0 };
    result.active_overflow = refused * share;
    result.pending_overflow = refused - result.active_overflow;
    result.active = result.accepted.min(ceiling) * latency;
    result.pending = result.accepted * result.wait;
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn limits(connections: u32, pending: u32, requests: u32) -> Thresholds {
        Thresholds {
            max_connections: connections,
            max_pending_requests: pending,
            max_requests: requests,
            max_retries: UNLIMITED,
        }
    }

    #[test]
    fn erlangs_tables() {
        // Published values of the B formula: 10 servers, 5 erlangs: 0.018385; and C formula's wait.
        assert!((loss(5.0, 10.0, 0.0).refused - 0.018_385).abs() < 1e-5);
        // M/M/1 at half load waits as long as a service takes.
        assert!((wait(0.5, 1.0, 1.0) - 1.0).abs() < 1e-9);
        // M/M/1/1 refuses a/(1+a).
        assert!((loss(1.0, 1.0, 0.0).refused - 0.5).abs() < 1e-9);
        // M/M/1/3 at load 1: four states, equally likely.
        assert!((loss(1.0, 1.0, 2.0).refused - 0.25).abs() < 1e-9);
    }

    #[test]
    fn a_limit_far_above_the_load_refuses_nothing() {
        let admission = admit(Demand::Open(300.0), 0.021, limits(500, 500, 500), 2);
        assert_eq!(admission.pending_overflow + admission.active_overflow, 0.0);
        assert!((admission.active - 6.3).abs() < 1e-9);
    }

    #[test]
    fn a_limit_below_the_load_refuses_the_rest() {
        let admission = admit(Demand::Open(300.0), 0.021, limits(4, 2, 4), 2);
        assert!(admission.accepted < 4.0 / 0.021);
        assert!(admission.pending_overflow > 100.0, "{admission:?}");
        assert_eq!(admission.active_overflow, 0.0);
    }

    #[test]
    fn requests_below_connections_refuse_as_active_overflow() {
        let admission = admit(Demand::Open(300.0), 0.021, limits(1000, 1000, 4), 2);
        assert!(admission.active_overflow > 50.0 * admission.pending_overflow, "{admission:?}");
    }

    #[test]
    fn sixteen_clients_against_a_breaker_of_one_are_refused_as_often_as_recorded() {
        // Recorded: 36,800 refusals and some 40 answers a second from two workers with one connection each.
        let admission = admit(Demand::Closed { clients: 16.0, think: 0.0 }, 0.021, limits(1, 1, 1), 2);
        let refused = admission.pending_overflow + admission.active_overflow;
        assert!((30_000.0..45_000.0).contains(&refused), "{admission:?}");
        assert!(admission.active_overflow > 0.0 && admission.pending_overflow > 0.0);
        assert!((40.0..100.0).contains(&admission.accepted), "{admission:?}");
    }

    #[test]
    fn service_times_have_their_mean() {
        let step = 0.0001;
        let mean: f64 = (0..20_000).map(|i| (1.0 - share_within(f64::from(i) * step, 0.1)) * step).sum();
        assert!((mean - 0.1).abs() < 0.001, "{mean}");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_littles_law_holds(
            rate in 0.1..5000.0f64, latency in 0.0005..5.0f64, c in 1..2000u32, p in 1..2000u32, r in 1..2000u32, closed in any::<bool>(),
        ) {
            let demand = if closed { Demand::Closed { clients: rate.min(500.0), think: 0.01 } } else { Demand::Open(rate) };
            let a = admit(demand, latency, limits(c, p, r), 2);
            let sum = a.accepted + a.pending_overflow + a.active_overflow;
            prop_assert!((sum - a.offered).abs() <= 1e-6 * a.offered.max(1.0), "{a:?}");
            prop_assert!(a.accepted >= 0.0 && a.pending_overflow >= 0.0 && a.active_overflow >= 0.0 && a.wait >= 0.0, "{a:?}");
            // Never more at work than there are places.
            prop_assert!(a.active <= places(limits(c, p, r), 2).0 * (1.0 + 1e-6), "{a:?}");
            prop_assert!((a.active - a.accepted * latency).abs() <= 1e-6 * a.active.max(1.0), "{a:?}");
        }

        #[test]
        fn a_higher_limit_never_refuses_more(rate in 1.0..2000.0f64, latency in 0.001..1.0f64, c in 1..500u32, p in 1..500u32) {
            let low = admit(Demand::Open(rate), latency, limits(c, p, UNLIMITED), 2);
            let high = admit(Demand::Open(rate), latency, limits(c + 10, p + 10, UNLIMITED), 2);
            prop_assert!(high.pending_overflow <= low.pending_overflow + 1e-6);
        }
    }
}
