//! The arithmetic of where a request's time goes.
//!
//! All figures are means of one request, as its caller's proxy timed it; so they sum to the whole:
//! - *total*: the caller's proxy's mean.
//! - *at the server*: what the server's proxy timed, of all attempts of one request together. The rest of the total is
//!   *waiting*: for a connection of the caller's pool, on the way; less the pauses between attempts.
//! - *retries*: of the time at the server, what attempts beyond one for each request took, and the pauses before them.
//! - *dependencies*: of the time of one attempt, what the service's own proxies timed of the requests that it sends.
//! - *own work*: what is left of one attempt, waiting for a free place inside the application included.

use crate::latency::durations::{Sides, Timed};

/// The longest mean pause before a retry, in seconds. Envoy draws each evenly from 0 to at most ten times its base interval,
/// which is 25 ms unless a route says otherwise (`retry_policy.retry_back_off`).
const PAUSE: f64 = 0.125;

/// Where the time of one request goes, in seconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Parts {
    /// Mean time of a request.
    pub total: f64,
    /// The service's own work.
    pub own: f64,
    /// Waiting in the caller's proxy, and on the way.
    pub waiting: f64,
    /// Attempts beyond one, and the pauses before them.
    pub retries: f64,
    /// Each dependency by its full name, the slowest first.
    pub dependencies: Vec<(String, f64)>,
    /// Attempts that reach the server for each request.
    pub attempts: f64,
    /// What dependencies worked for each attempt beyond the time of the attempt itself: several at once, or for nobody.
    pub beyond: f64,
}

/// The parts by which runbooks tell slowness apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The service's own work.
    OwnWork,
    /// Waiting in the caller's proxy.
    Waiting,
    /// Attempts beyond one.
    Retries,
    /// One dependency.
    Dependency,
}

impl Part {
    /// As scripts write it.
    pub fn word(self) -> &'static str {
        match self {
            Part::OwnWork => "own work",
            Part::Waiting => "waiting",
            Part::Retries => "retries",
            Part::Dependency => "dependency",
        }
    }
}

impl Parts {
    /// Divides the time. `sides` must have requests on both.
    pub fn of(sides: Sides, dependencies: impl IntoIterator<Item = (String, Timed)>) -> Self {
        let (source, destination) = (sides.source, sides.destination);
        let total = source.mean();
        let attempts = destination.count / source.count;
        // Clocks and scrapes of two sides differ by a little; the server's part cannot exceed the whole.
        let at_server = (destination.seconds / source.count).min(total);
        let first = at_server / attempts.max(1.0);
        let mut asked: Vec<(String, f64)> =
            dependencies.into_iter().map(|(name, timed)| (name, timed.seconds / destination.count)).collect();
        asked.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let (sum, attempt) = (asked.iter().map(|(_, seconds)| seconds).sum::<f64>(), destination.mean());
        // A request that fails before it reaches the server has a part of an attempt only.
        let part = if attempt > 0.0 { first / attempt } else { 0.0 };
        let fitting = if sum > attempt { attempt / sum } else { 1.0 } * part;
        asked.iter_mut().for_each(|(_, seconds)| *seconds *= fitting);
        let pauses = (PAUSE * (attempts - 1.0).max(0.0)).min(total - at_server);
        let own = (first - asked.iter().map(|(_, seconds)| seconds).sum::<f64>()).max(0.0);
        Parts {
            total,
            own,
            waiting: total - at_server - pauses,
            retries: at_server - first + pauses,
            dependencies: asked,
            attempts,
            beyond: (sum - attempt).max(0.0),
        }
    }

    /// The part that takes most; each dependency counts for itself.
    pub fn largest(&self) -> Part {
        let slowest = self.dependencies.first().map_or(0.0, |(_, seconds)| *seconds);
        let all = [
            (Part::OwnWork, self.own),
            (Part::Dependency, slowest),
            (Part::Waiting, self.waiting),
            (Part::Retries, self.retries),
        ];
        all.into_iter().fold((Part::OwnWork, f64::MIN), |most, one| if one.1 > most.1 { one } else { most }).0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn timed(count: f64, mean: f64) -> Timed {
        Timed { count, seconds: count * mean }
    }

    fn sides(source: Timed, destination: Timed) -> Sides {
        Sides { source, destination }
    }

    fn dependency(name: &str, timed: Timed) -> (String, Timed) {
        (name.to_owned(), timed)
    }

    #[test]
    fn a_slow_dependency() {
        let parts = Parts::of(
            sides(timed(100.0, 3.06), timed(100.0, 3.05)),
            [dependency("catalog", timed(100.0, 0.01)), dependency("store", timed(100.0, 3.0))],
        );
        assert_eq!(parts.largest(), Part::Dependency);
        assert_eq!(parts.dependencies[0].0, "store");
        assert!((parts.own - 0.04).abs() < 1e-9 && (parts.waiting - 0.01).abs() < 1e-9, "{parts:?}");
        assert_eq!((parts.retries, parts.beyond), (0.0, 0.0));
    }

    #[test]
    fn a_retry_storm_is_attempts_beyond_one() {
        // Nine attempts of 400 ms, and pauses between them.
        let parts = Parts::of(sides(timed(10.0, 4.36), timed(90.0, 0.4)), []);
        assert_eq!(parts.largest(), Part::Retries);
        assert!((parts.attempts - 9.0).abs() < 1e-9);
        assert!(
            (parts.retries - 3.96).abs() < 1e-9 && (parts.own - 0.4).abs() < 1e-9 && parts.waiting.abs() < 1e-9,
            "{parts:?}"
        );
    }

    #[test]
    fn a_storm_of_short_attempts_is_no_waiting_although_its_pauses_take_most() {
        // As a real Envoy's callers had it: 2.87 attempts of 246 ms, and half a second that no server saw.
        let parts = Parts::of(sides(timed(100.0, 1.22), timed(287.0, 0.247)), []);
        assert_eq!(parts.largest(), Part::Retries, "{parts:?}");
        assert!(parts.waiting > 0.2, "pauses explain only so much: {parts:?}");
    }

    #[test]
    fn a_queue_in_the_callers_proxy_is_waiting() {
        let parts = Parts::of(sides(timed(40.0, 2.8), timed(40.0, 0.2)), []);
        assert_eq!(parts.largest(), Part::Waiting);
        assert!((parts.waiting - 2.6).abs() < 1e-9);
    }

    #[test]
    fn a_dependency_that_works_on_for_nobody_takes_no_more_than_there_is() {
        // The callers left after 3 s; the store went on for 5.
        let parts = Parts::of(sides(timed(10.0, 3.0), timed(10.0, 3.0)), [dependency("store", timed(10.0, 5.0))]);
        assert_eq!(parts.largest(), Part::Dependency);
        assert!((parts.dependencies[0].1 - 3.0).abs() < 1e-9 && (parts.beyond - 2.0).abs() < 1e-9, "{parts:?}");
        assert_eq!(parts.own, 0.0);
    }

    #[test]
    fn requests_that_never_reach_the_server_take_no_time_there() {
        let parts = Parts::of(sides(timed(100.0, 0.1), timed(50.0, 0.2)), [dependency("store", timed(50.0, 0.1))]);
        assert!((parts.own - 0.05).abs() < 1e-9 && (parts.dependencies[0].1 - 0.05).abs() < 1e-9, "{parts:?}");
        assert_eq!(parts.retries, 0.0);
    }

    proptest! {
        #[test]
        fn the_parts_sum_to_the_whole(
            requests in 1.0..1e6_f64, attempts in 0.05..10.0_f64, total in 0.001..60.0_f64, at_server in 0.001..60.0_f64,
            asked in proptest::collection::vec((0.0..5.0_f64, 0.0..30.0_f64), 0..4),
        ) {
            let destination = Timed { count: requests * attempts, seconds: requests * at_server };
            let dependencies = asked.iter().enumerate().map(|(i, (times, mean))| {
                (format!("d{i}"), Timed { count: times * destination.count, seconds: times * destination.count * mean })
            });
            let parts = Parts::of(sides(timed(requests, total), destination), dependencies);
            let sum = parts.own + parts.waiting + parts.retries + parts.dependencies.iter().map(|(_, s)| s).sum::<f64>();
            prop_assert!((sum - parts.total).abs() < 1e-6 * parts.total, "{parts:?}");
            for part in [parts.own, parts.waiting, parts.retries, parts.beyond] {
                prop_assert!(part >= -1e-9, "{parts:?}");
            }
        }
    }
}
