//! The series: what a query answered over a span of time, for one set of labels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use meshbook_runtime::effect::{Call, Effect};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span, Table};
use serde_json::{Value, json};

use crate::evidence::window::Sample;
use crate::metric::Metric;
use crate::prometheus;
use crate::text::{figure, first_line};

/// One series over time.
#[derive(Clone, Debug)]
pub struct Series(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    labels: BTreeMap<String, String>,
    /// Seconds since 1970, and value, oldest first.
    samples: Vec<Sample>,
    step: Span,
}

/// Asks for the past of a query.
///
/// # Errors
/// What a script may not handle.
pub fn range(run: &Run, query: &str, over: Span, step: Span) -> Result<Result<Vec<Series>, Missing>, Failure> {
    let end = run.now()?;
    let back = SignedDuration::try_from(over.0).unwrap_or(SignedDuration::MAX);
    let start = end.saturating_sub(back).unwrap_or(end);
    let call = Call::QueryRange { query: query.to_owned(), start, end, step: step.0.max(Duration::from_millis(1)) };
    let summary = format!("{} over {over}", first_line(query));
    let found = prometheus::answer(run.read(Effect::read("Prometheus", summary, call)))?;
    Ok(found.map(|all| all.into_iter().map(|one| Series::new(one.labels, one.samples, step)).collect()))
}

impl Series {
    /// Samples, oldest first, that lie a step apart where there is no gap.
    pub fn new(labels: BTreeMap<String, String>, samples: Vec<Sample>, step: Span) -> Self {
        Series(Arc::new(Inner { labels, samples, step }))
    }

    /// A label's value; empty if it has none, as in Prometheus.
    pub fn label(&self, name: &str) -> &str {
        self.0.labels.get(name).map_or("", String::as_str)
    }

    /// How many points it has.
    pub fn points(&self) -> usize {
        self.0.samples.len()
    }

    /// Its newest point.
    pub fn last(&self) -> Metric {
        let none = || Missing::NoSeries(self.text());
        Metric::new(self.text(), self.0.samples.last().map(|(_, value)| *value).ok_or_else(none))
    }

    /// Its largest point.
    pub fn max(&self) -> Metric {
        let largest =
            self.0.samples.iter().map(|(_, value)| *value).filter(|value| !value.is_nan()).max_by(f64::total_cmp);
        Metric::new(self.text(), largest.ok_or_else(|| Missing::NotANumber(format!("{} has no number", self.text()))))
    }

    /// Its points as a line of blocks, from its smallest to its largest; a gap is a blank, also where a value is NaN.
    pub fn sparkline(&self) -> String {
        const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        /// Wider lines are thinned: terminals are about this wide, beside the other columns.
        const WIDEST: usize = 60;
        let step = self.0.step.0.as_secs_f64().max(0.001);
        let (Some((first, _)), Some((last, _))) = (self.0.samples.first(), self.0.samples.last()) else {
            return String::new();
        };
        let places = ((last - first) / step).round().clamp(0.0, 11_000.0) as usize + 1;
        let width = places.min(WIDEST);
        // Each cell shows the largest of its points, so that a peak is never thinned away.
        let mut cells = vec![f64::NEG_INFINITY; width];
        for (at, value) in self.0.samples.iter().filter(|(_, value)| value.is_finite()) {
            let place = ((at - first) / step).round().clamp(0.0, 11_000.0) as usize;
            let cell = &mut cells[(place * width / places).min(width - 1)];
            *cell = cell.max(*value);
        }
        let known = || cells.iter().copied().filter(|value| value.is_finite());
        let low = known().fold(f64::INFINITY, f64::min);
        let high = known().fold(f64::NEG_INFINITY, f64::max);
        let block = |value: f64| {
            if !value.is_finite() {
                ' '
            } else if high > low {
                BLOCKS[(((value - low) / (high - low) * 7.0).round() as usize).min(7)]
            } else {
                BLOCKS[3]
            }
        };
        cells.iter().map(|value| block(*value)).collect()
    }
}

impl Noun for Series {
    const NAME: &'static str = "Series";
    const DOC: &'static str = "What a query answered over a span of time, for one set of labels.";

    fn text(&self) -> String {
        let pairs: Vec<String> = self.0.labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
        if pairs.is_empty() { "(no labels)".into() } else { first_line(&pairs.join(" ")) }
    }

    fn table(&self) -> Table {
        let mut table = Table::new(self.text(), &["SERIES", "OVER TIME", "LEAST", "MOST", "LAST"]);
        let finite = || self.0.samples.iter().map(|(_, value)| *value).filter(|value| value.is_finite());
        let figure_of = |value: Option<f64>| value.map_or_else(|| "-".into(), figure);
        table.row([
            self.text(),
            self.sparkline(),
            figure_of(finite().min_by(f64::total_cmp)),
            figure_of(finite().max_by(f64::total_cmp)),
            self.last().text(),
        ]);
        table
    }

    fn json(&self) -> Value {
        // JSON has no NaN and no infinity: these stand as Prometheus writes them.
        let point = |(at, value): &Sample| {
            if value.is_finite() { json!([at, value]) } else { json!([at, value.to_string()]) }
        };
        json!({
            "labels": self.0.labels, "step_seconds": self.0.step.0.as_secs_f64(),
            "points": self.0.samples.iter().map(point).collect::<Vec<_>>(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn series(samples: &[Sample]) -> Series {
        let labels = [("pod".to_owned(), "a".to_owned())].into();
        Series::new(labels, samples.to_vec(), Span(Duration::from_secs(10)))
    }

    #[test]
    fn a_line_shows_heights_and_gaps() {
        assert_eq!(series(&[(0.0, 0.0), (10.0, 7.0), (40.0, 3.0)]).sparkline(), "▁█  ▄");
        assert_eq!(series(&[(0.0, 5.0), (10.0, f64::NAN), (20.0, 5.0)]).sparkline(), "▄ ▄");
        assert_eq!(series(&[]).sparkline(), "");
        let long: Vec<Sample> = (0..600).map(|i| (f64::from(i) * 10.0, if i == 301 { 9.0 } else { 1.0 })).collect();
        let line = series(&long).sparkline();
        assert_eq!((line.chars().count(), line.matches('█').count()), (60, 1), "{line}");
    }

    #[test]
    fn points_are_missing_and_not_zero() {
        let gone = series(&[(0.0, f64::NAN)]);
        assert!(gone.last().missing().is_some() && gone.max().missing().is_some());
        assert!(series(&[]).last().missing().is_some());
        assert_eq!(series(&[(0.0, 2.0), (10.0, f64::NAN), (20.0, 1.0)]).max().text(), "2");
        assert_eq!(gone.json()["points"][0][1], "NaN");
    }

    proptest! {
        #[test]
        fn nothing_panics(samples in proptest::collection::vec((proptest::num::f64::ANY, proptest::num::f64::ANY), 0..70)) {
            let one = series(&samples);
            let _ = (one.table(), one.json(), one.max());
            prop_assert!(one.sparkline().chars().count() <= 60);
        }
    }
}
