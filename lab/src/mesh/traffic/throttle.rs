//! CPU limits: what the kernel's bandwidth control makes of requests that need more than their container may use.
//!
//! A container may use `limit` × 100 ms in each period of 100 ms. One request alone then takes its CPU time divided by
//! the limit; several share what is left (processor sharing, M/G/1-PS: the mean time is the time alone divided by
//! 1 − load). A period is throttled when somebody wants more in it than the quota, which is while anybody is at work.

use crate::world::causes::CpuLimit;

/// The kernel's period (s), `cpu.cfs_period_us`.
pub const PERIOD: f64 = 0.1;

/// The highest load that is looked at: beyond it the queue in front of the pod decides.
const FULL: f64 = 0.98;

/// What a limit does.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Throttle {
    /// The time (s) that a request's CPU work takes under the limit.
    pub time: f64,
    /// The share of periods in which the kernel stops the container.
    pub periods: f64,
}

/// What the limit makes of so many requests (1/s).
pub fn throttle(limit: CpuLimit, rate: f64) -> Throttle {
    let (cores, work) = (f64::from(limit.milli) / 1000.0, limit.time.seconds());
    let alone = work / cores;
    let load = (rate * alone).clamp(0.0, FULL);
    // Work that fits into one period's quota is never stopped when it is alone.
    let fits = work <= cores * PERIOD;
    Throttle { time: alone / (1.0 - load), periods: if fits { load * load } else { load } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::span::Span;

    #[test]
    fn a_fifth_of_a_core_makes_work_five_times_as_long_and_load_multiplies_it() {
        let limit = CpuLimit { milli: 200, time: Span::millis(300) };
        assert!((throttle(limit, 0.0).time - 1.5).abs() < 1e-9);
        let loaded = throttle(limit, 0.5);
        assert!((loaded.time - 6.0).abs() < 1e-9, "{loaded:?}");
        assert!((loaded.periods - 0.75).abs() < 1e-9, "{loaded:?}");
    }

    #[test]
    fn more_load_never_shortens_it_and_overload_stays_finite() {
        let limit = CpuLimit { milli: 500, time: Span::millis(20) };
        let times: Vec<f64> = (0..100).map(|rate| throttle(limit, f64::from(rate)).time).collect();
        assert!(times.windows(2).all(|pair| pair[0] <= pair[1]) && times.iter().all(|time| time.is_finite()));
        assert!(throttle(limit, 1e9).periods <= 1.0);
    }
}
