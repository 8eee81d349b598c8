//! Arithmetic of counters over a span of time. A counter counts since its process started, so what happened in a span is
//! the increase between two reads, and a smaller value than before means that the process started anew.

use std::time::Duration;

/// The increase of a counter between two reads: a counter that fell was reset, and counted from zero since.
pub fn increase(before: f64, after: f64) -> f64 {
    if after >= before { after - before } else { after }
}

/// One sample of a series: when, in seconds since 1970, and what.
pub type Sample = (f64, f64);

/// What a series says about a window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Seen {
    /// It grew by so much.
    Increase(f64),
    /// It has no sample inside the window: nobody has looked since.
    Stale,
}

/// The increase of a series over the window that ends at `end` and begins at `start` (seconds since 1970).
///
/// The base is the newest sample at or before the start. A series without one was born inside the window: it is counted
/// from zero if `history` says that other series of the host are older than the window (Istio makes a series when its
/// first request is counted), else from its own first sample, because nobody knows what it was before.
pub fn over(samples: &[Sample], start: f64, end: f64, history: bool) -> Seen {
    let usable = |sample: &&Sample| sample.0 <= end && sample.1.is_finite();
    let base = samples.iter().filter(usable).rfind(|sample| sample.0 <= start).map(|sample| sample.1);
    let inside: Vec<f64> =
        samples.iter().filter(usable).filter(|sample| sample.0 > start).map(|sample| sample.1).collect();
    let (mut last, rest) = match (base, inside.as_slice()) {
        (_, []) => return Seen::Stale,
        (Some(base), all) => (base, all),
        (None, all) if history => (0.0, all),
        (None, [first, rest @ ..]) => (*first, rest),
    };
    let mut total = 0.0;
    for value in rest {
        total += increase(last, *value);
        last = *value;
    }
    Seen::Increase(total)
}

/// How two reads of a page come to lie a span apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Plan {
    /// The earlier snapshot with this index is as old as the span: read once more now.
    Use(usize),
    /// The earlier snapshot with this index is younger: wait for the rest of the span, then read.
    Wait(usize, Duration),
    /// There is none: read now, wait for the span, read again.
    Fresh,
}

/// Chooses among earlier snapshots, by their ages, oldest first.
///
/// The newest that is at least `span` old serves, unless it is older than one and a half spans (or the span and five
/// seconds): what happened long ago is not what is asked. So successive questions slide, and share what was read.
pub fn plan(ages: &[Duration], span: Duration) -> Plan {
    let oldest = span + (span / 2).max(Duration::from_secs(5));
    if let Some(index) = ages.iter().rposition(|age| *age >= span && *age <= oldest) {
        return Plan::Use(index);
    }
    ages.iter().position(|age| *age < span).map_or(Plan::Fresh, |index| Plan::Wait(index, span - ages[index]))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_counter_that_fell_counts_from_zero() {
        assert_eq!(increase(10.0, 25.0), 15.0);
        assert_eq!(increase(10.0, 4.0), 4.0);
    }

    #[test]
    fn the_base_lies_at_or_before_the_start() {
        let samples = [(0.0, 100.0), (15.0, 110.0), (30.0, 130.0), (45.0, 5.0)];
        assert_eq!(over(&samples, 15.0, 50.0, true), Seen::Increase(25.0));
        assert_eq!(over(&samples, 20.0, 40.0, true), Seen::Increase(20.0));
        assert_eq!(over(&samples, 45.0, 60.0, true), Seen::Stale);
        assert_eq!(over(&[], 0.0, 60.0, true), Seen::Stale);
    }

    #[test]
    fn a_series_born_inside_counts_from_zero_only_if_others_are_older() {
        let samples = [(30.0, 7.0), (45.0, 9.0)];
        assert_eq!(over(&samples, 20.0, 50.0, true), Seen::Increase(9.0));
        assert_eq!(over(&samples, 20.0, 50.0, false), Seen::Increase(2.0));
    }

    #[test]
    fn windows_slide() {
        let ages: Vec<_> = [70, 35, 10].map(|s| s * SECOND).to_vec();
        assert_eq!(plan(&ages, 30 * SECOND), Plan::Use(1));
        assert_eq!(plan(&ages, 60 * SECOND), Plan::Use(0));
        assert_eq!(plan(&ages[2..], 30 * SECOND), Plan::Wait(0, 20 * SECOND));
        assert_eq!(plan(&ages[..1], 30 * SECOND), Plan::Fresh, "too old to speak of these 30 seconds");
        assert_eq!(plan(&[], SECOND), Plan::Fresh);
    }

    proptest! {
        /// However a counter is read and reset, its increase is what was counted, as long as each life is read once.
        #[test]
        fn resets_lose_nothing_that_was_read(lives in proptest::collection::vec(proptest::collection::vec(0..1000_u32, 1..5), 1..5)) {
            let (mut samples, mut at, mut counted) = (vec![(0.0, 0.0)], 0.0, 0.0);
            let mut last = 0.0;
            for life in lives {
                let mut value = 0.0;
                for step in life {
                    at += 1.0;
                    value += f64::from(step);
                    samples.push((at, value));
                    // A life that already passed the last one's end looks like no reset: that much is lost, and no more.
                    counted += increase(last, value);
                    last = value;
                }
            }
            prop_assert_eq!(over(&samples, 0.0, at, true), Seen::Increase(counted));
        }

        #[test]
        fn an_increase_is_never_negative(samples in proptest::collection::vec((0.0..100.0_f64, 0.0..1e12_f64), 0..20), start in 0.0..100.0_f64, history: bool) {
            let mut samples = samples;
            samples.sort_by(|a, b| a.0.total_cmp(&b.0));
            if let Seen::Increase(by) = over(&samples, start, 100.0, history) {
                prop_assert!(by >= 0.0);
            }
        }

        #[test]
        fn a_plan_never_uses_what_is_too_young(ages in proptest::collection::vec(0..200_u64, 0..8), span in 1..100_u64) {
            let mut ages: Vec<_> = ages.into_iter().map(Duration::from_secs).collect();
            ages.sort_by(|a, b| b.cmp(a));
            let span = Duration::from_secs(span);
            match plan(&ages, span) {
                Plan::Use(index) => prop_assert!(ages[index] >= span),
                Plan::Wait(index, rest) => prop_assert!(ages[index] + rest == span),
                Plan::Fresh => prop_assert!(ages.iter().all(|age| *age >= span)),
            }
        }
    }
}
