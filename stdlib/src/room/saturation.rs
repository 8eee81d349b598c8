//! When a service is saturated.
//!
//! By Little's law the requests inside a service are its throughput times their latency. A service with room answers
//! more requests in about the same time. A saturated one answers no more than before however many are inside, so its
//! latency grows with them. Raising a limit in front of it lets more inside and nothing more out.

/// CPU use, as a part of the limit, from which on a service has no room: above it the kernel throttles, and queues grow.
pub const CPU_FULL: f64 = 0.9;

/// How many times as many requests must be inside, for the same throughput.
const GROWTH: f64 = 2.0;

/// How much more throughput still counts as the same.
const FLAT: f64 = 1.1;

/// One point of the past.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Requests a second that the service answered.
    pub throughput: f64,
    /// Their mean latency in seconds.
    pub latency: f64,
}

impl Point {
    fn inside(self) -> f64 {
        self.throughput * self.latency
    }
}

/// Whether the newest point shows saturation against an earlier one: at least twice as many requests inside, and at most a
/// tenth more throughput. `None` if there are too few points to say.
pub fn grows_without_throughput(points: &[Point]) -> Option<bool> {
    let sound: Vec<_> = points
        .iter()
        .copied()
        .filter(|p| p.throughput > 0.0 && p.latency > 0.0 && p.throughput.is_finite() && p.latency.is_finite())
        .collect();
    let (now, past) = sound.split_last().filter(|(_, past)| past.len() >= 3)?;
    // A past with far less traffic says nothing of what the service can do.
    let comparable: Vec<_> = past.iter().filter(|then| then.throughput >= now.throughput / FLAT).collect();
    if comparable.is_empty() {
        return None;
    }
    Some(
        comparable
            .iter()
            .any(|then| now.inside() >= GROWTH * then.inside() && now.throughput <= FLAT * then.throughput),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn points(all: &[(f64, f64)]) -> Vec<Point> {
        all.iter().map(|(throughput, latency)| Point { throughput: *throughput, latency: *latency }).collect()
    }

    #[test]
    fn latency_that_grows_at_the_same_throughput_is_a_queue() {
        assert_eq!(
            grows_without_throughput(&points(&[(200.0, 0.04), (200.0, 0.04), (200.0, 0.05), (205.0, 0.3)])),
            Some(true)
        );
        assert_eq!(
            grows_without_throughput(&points(&[(200.0, 0.04), (200.0, 0.04), (200.0, 0.05), (205.0, 0.06)])),
            Some(false)
        );
    }

    #[test]
    fn more_requests_in_the_same_time_are_room() {
        assert_eq!(
            grows_without_throughput(&points(&[(100.0, 0.04), (150.0, 0.04), (400.0, 0.04), (400.0, 0.041)])),
            Some(false)
        );
    }

    #[test]
    fn too_little_past_says_nothing() {
        assert_eq!(grows_without_throughput(&points(&[(200.0, 0.04), (200.0, 0.3)])), None);
        assert_eq!(
            grows_without_throughput(&points(&[(20.0, 0.04), (20.0, 0.04), (20.0, 0.04), (200.0, 0.3)])),
            None,
            "nothing comparable"
        );
        assert_eq!(grows_without_throughput(&points(&[(f64::NAN, 1.0); 9])), None);
    }

    proptest! {
        #[test]
        fn a_steady_service_is_never_saturated(throughput in 0.1..1e5_f64, latency in 1e-4..10.0_f64, n in 4..20_usize) {
            prop_assert_eq!(grows_without_throughput(&points(&vec![(throughput, latency); n])), Some(false));
        }
    }
}
