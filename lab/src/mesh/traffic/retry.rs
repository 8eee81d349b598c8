//! How retries lengthen a request: failed attempts, and the pauses between them.

use super::counters::Spread;

/// Envoy's pause before retry `k` (from 1): drawn evenly from 0 to `25 ms × (2^k − 1)`, at most ten times the base
/// (`x-envoy-max-retries`, "fully jittered exponential back-off"). This is its mean in seconds.
pub fn pause(k: u32) -> f64 {
    (0.025 * (2_f64.powi(k.min(32) as i32) - 1.0)).min(0.25) / 2.0
}

/// The mean of all pauses before `retries` retries (s).
pub fn pauses(retries: u32) -> f64 {
    (1..=retries).map(pause).sum()
}

/// One attempt of a request that is answered in the end.
#[derive(Clone, Copy, Debug)]
pub struct Attempts {
    /// The share of attempts that fail and are tried again.
    pub again: f64,
    /// The most retries.
    pub retries: u32,
    /// How long a failed attempt takes (s).
    pub failed: f64,
}

impl Attempts {
    /// How the durations of answered requests are spread, if one attempt is spread by [`Spread::of`] these figures.
    pub fn spread(self, offset: f64, mean: f64, cut: Option<f64>) -> Spread {
        if self.again <= 1e-9 {
            return Spread::of(offset, mean, cut);
        }
        let mut all = Spread::default();
        let (mut weight, mut weights) = (1.0, 0.0);
        for k in 0..=self.retries.min(32) {
            let before = f64::from(k) * self.failed + pauses(k);
            let one = Spread::of(offset + before, mean, cut);
            for (sum, share) in all.within.iter_mut().zip(one.within) {
                *sum += weight * share;
            }
            all.mean += weight * one.mean;
            weights += weight;
            weight *= self.again;
        }
        all.within.iter_mut().for_each(|share| *share /= weights);
        all.mean /= weights;
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_are_bounded() {
        assert!((pause(1) - 0.0125).abs() < 1e-9);
        assert!((pause(2) - 0.0375).abs() < 1e-9);
        assert!((pause(20) - 0.125).abs() < 1e-9);
        assert!((pauses(2) - 0.05).abs() < 1e-9);
    }

    #[test]
    fn failed_attempts_lengthen_the_answer() {
        let once = Attempts { again: 0.0, retries: 3, failed: 1.0 }.spread(0.0, 0.1, None);
        assert_eq!(once, Spread::of(0.0, 0.1, None));
        let often = Attempts { again: 0.5, retries: 1, failed: 1.0 }.spread(0.0, 0.1, None);
        // Two of three answers come from the first attempt, one after a failed second and a pause.
        assert!((often.mean - (100.0 + (1012.5) / 3.0)).abs() < 1e-6, "{}", often.mean);
        assert!((often.within[8] - 2.0 / 3.0).abs() < 0.01, "half a second: {}", often.within[8]);
    }
}
