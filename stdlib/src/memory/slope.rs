//! How memory changes over time: a slope that neither a restart nor a burst makes.
//!
//! The slope is the median of the slopes between all pairs of samples (Theil and Sen): up to 29 % of the samples may be
//! out of line without moving it. It is taken over the longest life of the process inside the window, without its first
//! minutes, in which every process grows.

use std::time::Duration;

use meshbook_runtime::value::Missing;

use crate::evidence::window::Sample;

/// A fall by so much is a new process.
const FALL: f64 = 0.8;
/// In its first minutes every proxy grows: configuration arrives, connections open.
const YOUTH: f64 = 120.0;
/// So many samples, over so many seconds, are the least that say whether something grows.
const FEWEST: usize = 8;
const SHORTEST: f64 = 240.0;
/// More samples than this are thinned: pairs grow with their square.
const MOST: usize = 240;
/// What grows by less than this part of itself over the window does not grow.
const GROWTH: f64 = 0.03;
/// In how many of the pairs the later sample is higher, where something grows for good and not by a step.
const CONCORDANCE: f64 = 0.7;

/// How a series changes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Slope {
    /// By so much in a second.
    pub per_second: f64,
    /// Seen over this time.
    pub over: Duration,
    /// So many samples.
    pub samples: usize,
    /// The median.
    pub level: f64,
    /// The part of the pairs whose later sample is higher.
    pub rising: f64,
    /// When the part that was looked at begins and ends, in seconds since 1970.
    pub window: (f64, f64),
}

impl Slope {
    /// The slope of a series, oldest sample first.
    ///
    /// # Errors
    /// Why there is none: a few samples are no course of time.
    pub fn of(samples: &[Sample]) -> Result<Slope, Missing> {
        let finite: Vec<Sample> =
            samples.iter().copied().filter(|(at, value)| at.is_finite() && value.is_finite()).collect();
        let life = longest_life(&finite);
        let began = life.first().map_or(0.0, |(at, _)| *at);
        // Where the series begins with the window, the process is older than that.
        let is_born_inside = finite.first().is_some_and(|(at, _)| *at < began);
        let grown: Vec<Sample> =
            life.iter().copied().filter(|(at, _)| !is_born_inside || *at >= began + YOUTH).collect();
        let (Some(first), Some(last)) = (grown.first().copied(), grown.last().copied()) else {
            return Err(Missing::NoSeries("no samples over time".into()));
        };
        let over = last.0 - first.0;
        if grown.len() < FEWEST || over < SHORTEST {
            return Err(Missing::NoSeries(format!(
                "{} samples over {} s of one life of its process: too few to say whether it grows",
                grown.len(),
                over.max(0.0).round()
            )));
        }
        let thin = grown.len().div_ceil(MOST);
        let grown: Vec<Sample> = grown.into_iter().step_by(thin).collect();
        let mut slopes = Vec::with_capacity(grown.len() * grown.len() / 2);
        let mut rising = 0.0;
        for (index, earlier) in grown.iter().enumerate() {
            for later in &grown[index + 1..] {
                slopes.push((later.1 - earlier.1) / (later.0 - earlier.0).max(f64::MIN_POSITIVE));
                rising += if later.1 > earlier.1 { 1.0 } else { 0.0 };
            }
        }
        #[allow(clippy::cast_precision_loss, reason = "a few ten thousand pairs")]
        let rising = rising / slopes.len() as f64;
        Ok(Slope {
            per_second: median(&mut slopes),
            // The times are those of a page, and may be further apart than a duration is long.
            over: Duration::try_from_secs_f64(over).unwrap_or(Duration::MAX),
            samples: grown.len(),
            level: median(&mut grown.iter().map(|(_, value)| *value).collect::<Vec<_>>()),
            rising,
            window: (first.0, last.0),
        })
    }

    /// The part of its level by which it grew over the time seen.
    pub fn growth(&self) -> f64 {
        if self.level > 0.0 { self.per_second * self.over.as_secs_f64() / self.level } else { 0.0 }
    }

    /// Whether it grows: by more than a trifle, and all the time.
    pub fn grows(&self) -> bool {
        self.growth() >= GROWTH && self.rising >= CONCORDANCE
    }
}

/// By which part of its mean a series changed between the beginning and the end of a window.
pub fn change(samples: &[Sample], window: (f64, f64)) -> Option<f64> {
    let inside: Vec<f64> = samples
        .iter()
        .filter(|(at, value)| *at >= window.0 - 1.0 && *at <= window.1 + 1.0 && value.is_finite())
        .map(|(_, value)| *value)
        .collect();
    if inside.len() < 2 {
        return None;
    }
    let third = inside.len().div_ceil(3);
    let (mut before, mut after) = (inside[..third].to_vec(), inside[inside.len() - third..].to_vec());
    let (before, after) = (median(&mut before), median(&mut after));
    Some((after - before) / before.abs().max(1.0))
}

/// The longest run of samples without a fall that only a new process brings about.
fn longest_life(samples: &[Sample]) -> &[Sample] {
    let mut cuts = vec![0];
    cuts.extend((1..samples.len()).filter(|index| samples[*index].1 < samples[*index - 1].1 * FALL));
    cuts.push(samples.len());
    let lives = cuts.windows(2).map(|cut| &samples[cut[0]..cut[1]]);
    lives.max_by_key(|life| life.len()).unwrap_or_default()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    match values.len() {
        0 => 0.0,
        length if length % 2 == 1 => values[length / 2],
        length => f64::midpoint(values[length / 2 - 1], values[length / 2]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(values: impl IntoIterator<Item = f64>) -> Vec<Sample> {
        values.into_iter().zip(0_u32..).map(|(value, index)| (f64::from(index) * 15.0, value)).collect()
    }

    #[test]
    fn one_sample_is_no_leak() {
        for samples in [vec![], series([50.0]), series([50.0, 60.0, 70.0]), series((0..8).map(f64::from))] {
            assert!(Slope::of(&samples).is_err(), "{samples:?}");
        }
    }

    #[test]
    fn growth_is_seen_and_a_burst_is_not() {
        let leak = Slope::of(&series((0..120).map(|n| 50.0 + f64::from(n) * 0.25))).expect("a slope");
        assert!((leak.per_second - 0.25 / 15.0).abs() < 1e-9 && leak.grows());
        let burst = (0..120).map(|n| if (100..110).contains(&n) { 90.0 } else { 50.0 });
        assert!(!Slope::of(&series(burst)).expect("a slope").grows());
        let step = (0..120).map(|n| if n < 60 { 50.0 } else { 60.0 });
        assert!(!Slope::of(&series(step)).expect("a slope").grows(), "one step is no growth");
    }

    #[test]
    fn a_new_process_begins_anew() {
        // Killed every ten minutes at the same height: within a life it does not grow.
        let killed = (0..120).map(|n| match n % 40 {
            0..4 => 30.0 + f64::from(n % 40) * 5.0,
            _ => 50.0,
        });
        assert!(!Slope::of(&series(killed)).expect("a slope").grows());
        // Killed at the limit that it grows to: within a life it grows.
        let leak = (0..120).map(|n| 20.0 + f64::from(n % 60));
        assert!(Slope::of(&series(leak)).expect("a slope").grows());
    }

    #[test]
    fn change_is_relative() {
        let samples = series((0..30).map(|n| if n < 15 { 100.0 } else { 150.0 }));
        assert!((change(&samples, (0.0, 450.0)).expect("a change") - 0.5).abs() < 1e-9);
        assert_eq!(change(&samples, (9_000.0, 9_100.0)), None);
    }

    proptest! {
        #[test]
        fn a_line_has_its_slope(slope in 0.0..10.0_f64, level in 1.0..1e9_f64, length in 20..300_u32) {
            let samples = series((0..length).map(|n| level + slope * f64::from(n) * 15.0));
            let found = Slope::of(&samples).expect("a slope");
            prop_assert!((found.per_second - slope).abs() <= 1e-6 * level.max(1.0));
        }

        #[test]
        fn nothing_panics(values in prop::collection::vec(any::<f64>(), 0..60)) {
            let samples = series(values);
            if let Ok(slope) = Slope::of(&samples) {
                let _ = (slope.grows(), change(&samples, slope.window));
            }
        }
    }
}
