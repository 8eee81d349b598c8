//! The series: what a query answered over a span of time, for one set of labels.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::SignedDuration;
use meshbook_runtime::effect::{Call, Effect};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Curve, Missing, Plot, Span, Table};
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
    /// The ends of the span that was asked for, in seconds since 1970.
    span: (f64, f64),
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
    let seconds = |at: jiff::Timestamp| at.as_millisecond() as f64 / 1000.0;
    let span = (seconds(start), seconds(end));
    Ok(found.map(|all| all.into_iter().map(|one| Series::new(one.labels, one.samples, step, span)).collect()))
}

impl Series {
    /// Samples, oldest first, that lie a step apart where there is no gap, and the ends of the span that was asked for.
    pub fn new(labels: BTreeMap<String, String>, samples: Vec<Sample>, step: Span, span: (f64, f64)) -> Self {
        Series(Arc::new(Inner { labels, samples, step, span }))
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

    /// Its points as a line of blocks, from its smallest to its largest; `·` is a gap, also where a value is NaN.
    pub fn sparkline(&self) -> String {
        const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        /// Wider lines are thinned, so that the figures have room beside them in 80 columns.
        const WIDEST: usize = 30;
        let curve = self.curve();
        let cells = curve.on(curve.values.len().min(WIDEST));
        let (low, high) = ends(cells.iter().flatten());
        let block = |value: f64| {
            if high > low {
                BLOCKS[(((value / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0) * 7.0).round() as usize).min(7)]
            } else {
                BLOCKS[3]
            }
        };
        cells.iter().map(|cell| cell.map_or(GAP, block)).collect()
    }

    /// Its points in their places between the ends of the span that was asked for.
    fn curve(&self) -> Curve {
        let step = self.0.step.0.as_secs_f64().max(0.001);
        let (start, end) = self.0.span;
        let place = |at: f64| ((at - start) / step).round().clamp(0.0, MOST_POINTS) as usize;
        let mut values = vec![None; place(end) + 1];
        for (at, value) in self.0.samples.iter().filter(|(at, value)| at.is_finite() && value.is_finite()) {
            if let Some(cell) = values.get_mut(place(*at)) {
                *cell = Some(*value);
            }
        }
        let [least, most, last] = self.figures();
        Curve { name: self.text(), figures: format!("least {least}, most {most}, last {last}"), values }
    }

    /// Its least, most and last value.
    fn figures(&self) -> [String; 3] {
        let finite = || self.0.samples.iter().map(|(_, value)| value).filter(|value| value.is_finite());
        let (least, most) = ends(finite());
        let written = |value: f64| if finite().next().is_none() { "-".into() } else { figure(value) };
        [written(least), written(most), self.last().text()]
    }

    /// Some of them on the same axes. Values from zero on are drawn from zero, unless all of them lie far above.
    pub fn plot(all: &[Series]) -> Option<Plot> {
        let curves: Vec<Curve> = all.iter().map(Series::curve).collect();
        let (least, high) = ends(curves.iter().flat_map(|curve| curve.values.iter().flatten()));
        let low = if (0.0..=high / 2.0).contains(&least) { 0.0 } else { least };
        if !(low.is_finite() && high.is_finite()) {
            return None;
        }
        let back = all.iter().map(|one| one.0.span.1 - one.0.span.0).fold(0.0, f64::max);
        let back = Span(Duration::try_from_secs_f64(back.round()).unwrap_or_default());
        Some(Plot { low: (low, figure(low)), high: (high, figure(high)), since: format!("-{back}"), curves })
    }
}

/// What stands for a point that is absent.
const GAP: char = '·';
/// The most points of one series that Prometheus answers (`/api/v1/query_range`).
const MOST_POINTS: f64 = 11_000.0;

/// The least and the largest; infinite if there is none.
fn ends<'a>(values: impl Iterator<Item = &'a f64>) -> (f64, f64) {
    values.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), value| (low.min(*value), high.max(*value)))
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
        let [least, most, last] = self.figures();
        let line = self.sparkline();
        let has_gap = line.contains(GAP);
        table.row([self.text(), line, least, most, last]);
        if has_gap {
            table.note("· there are no data");
        }
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
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use proptest::prelude::*;

    use super::*;

    fn series(samples: &[Sample]) -> Series {
        let labels = [("pod".to_owned(), "a".to_owned())].into();
        let span = (0.0, samples.last().map_or(0.0, |(at, _)| *at));
        Series::new(labels, samples.to_vec(), Span(Duration::from_secs(10)), span)
    }

    #[test]
    fn a_line_shows_heights_and_gaps() {
        assert_eq!(series(&[(0.0, 0.0), (10.0, 7.0), (40.0, 3.0)]).sparkline(), "▁█··▄");
        assert_eq!(series(&[(0.0, 5.0), (10.0, f64::NAN), (20.0, 5.0)]).sparkline(), "▄·▄");
        assert_eq!(series(&[(20.0, 5.0)]).sparkline(), "··▄", "it began later than what was asked for");
        assert_eq!(series(&[]).sparkline(), "·");
        let long: Vec<Sample> = (0..600).map(|i| (f64::from(i) * 10.0, if i == 301 { 9.0 } else { 1.0 })).collect();
        let line = series(&long).sparkline();
        assert_eq!((line.chars().count(), line.matches('█').count()), (30, 1), "{line}");
    }

    #[test]
    fn curves_share_their_axes_and_zero_is_not_a_gap() {
        let plot = Series::plot(&[series(&[(0.0, 0.0), (20.0, 8.0)]), series(&[(0.0, 4.0), (20.0, 6.0)])]).unwrap();
        assert_eq!((plot.low.1.as_str(), plot.high.1.as_str(), plot.since.as_str()), ("0", "8", "-20s"));
        assert_eq!(plot.curves[0].values, [Some(0.0), None, Some(8.0)]);
        let plot = Series::plot(&[series(&[(0.0, 1000.0), (10.0, 1010.0)])]).unwrap();
        assert_eq!(plot.low.1, "1,000");
        assert!(Series::plot(&[series(&[(0.0, f64::NAN)])]).is_none());
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
            prop_assert!(one.sparkline().chars().count() <= 30);
            let _ = Series::plot(&[one]);
        }
    }
}
