//! What Prometheus answers to a query.
//!
//! Beyond "no panic": increases over any samples are never negative, and are numbers unless a sample is none; of the
//! steps of a slope, no more than all go up.

use meshbook_stdlib::evidence::window;
use meshbook_stdlib::memory::slope::{Slope, change};
use meshbook_stdlib::prometheus::parse;

/// See the module.
pub fn run(data: &[u8]) {
    let Ok(data) = serde_json::from_slice(data) else { return };
    for series in parse(&data).into_iter().flatten() {
        let _ = (series.last(), series.label("reporter"));
        let _ = window::over(&series.samples, 0.0, 60.0, true);
        if let Ok(slope) = Slope::of(&series.samples) {
            assert!((0.0..=1.0).contains(&slope.rising) && slope.samples <= series.samples.len(), "{slope:?}");
            let _ = (slope.growth(), slope.grows(), change(&series.samples, slope.window));
        }
        for pair in series.samples.windows(2) {
            let increase = window::increase(pair[0].1, pair[1].1);
            assert!(increase >= 0.0 || increase.is_nan() || pair[1].1 < 0.0, "{pair:?}");
        }
    }
}
