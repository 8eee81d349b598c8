//! What accumulates: requests by outcome, and their durations in Istio's histogram buckets.

use super::outcome::{OUTCOMES, Outcome};
use super::queue;

/// Upper bounds (ms) of Istio's duration histogram, without +Inf.
pub const BUCKETS: [f64; 19] = [
    0.5,
    1.0,
    5.0,
    10.0,
    25.0,
    50.0,
    100.0,
    250.0,
    500.0,
    1000.0,
    2500.0,
    5000.0,
    10_000.0,
    30_000.0,
    60_000.0,
    300_000.0,
    600_000.0,
    1_800_000.0,
    3_600_000.0,
];

/// How durations of one outcome are spread.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Spread {
    /// Share of the durations in each bucket, cumulative, as `le` counts.
    pub within: [f64; 19],
    /// Mean (ms).
    pub mean: f64,
}

impl Spread {
    /// A wait of `offset` seconds, then a service of `mean` seconds on average; what takes longer than `cut` ends there.
    pub fn of(offset: f64, mean: f64, cut: Option<f64>) -> Spread {
        let cut = cut.unwrap_or(f64::INFINITY);
        let mut within = [0.0; 19];
        for (share, bound) in within.iter_mut().zip(BUCKETS) {
            let bound = bound / 1000.0;
            *share = if bound >= cut { 1.0 } else { queue::share_within(bound - offset, mean) };
        }
        Spread { within, mean: (offset + mean).min(cut) * 1000.0 }
    }

    /// Every duration is this long (s).
    pub fn exactly(seconds: f64) -> Spread {
        let mut within = [0.0; 19];
        for (share, bound) in within.iter_mut().zip(BUCKETS) {
            *share = if seconds * 1000.0 <= bound { 1.0 } else { 0.0 };
        }
        Spread { within, mean: seconds * 1000.0 }
    }
}

/// A histogram of durations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Cumulative counts up to each of [`BUCKETS`].
    pub buckets: [f64; 19],
    /// Sum (ms).
    pub sum: f64,
}

/// Requests by outcome since the proxy started, with their durations.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Counters {
    /// Requests by [`Outcome`].
    pub requests: [f64; OUTCOMES],
    /// Durations by [`Outcome`]; only of outcomes that occurred.
    pub durations: [Option<Box<Histogram>>; OUTCOMES],
}

impl Counters {
    /// Adds `count` requests that ended in one way.
    pub fn add(&mut self, outcome: Outcome, count: f64, spread: &Spread) {
        if count <= 0.0 {
            return;
        }
        let index = outcome as usize;
        self.requests[index] += count;
        let histogram = self.durations[index].get_or_insert_with(Box::default);
        for (bucket, share) in histogram.buckets.iter_mut().zip(spread.within) {
            *bucket += count * share;
        }
        histogram.sum += count * spread.mean;
    }

    /// Requests that ended in one way, as a counter shows them.
    pub fn count(&self, outcome: Outcome) -> u64 {
        whole(self.requests[outcome as usize])
    }
}

/// A counter's value: whole requests only.
pub fn whole(value: f64) -> u64 {
    // Casting a float saturates; counters are far from 2⁶⁴.
    value as u64
}
