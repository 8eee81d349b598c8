//! Quantiles of latency, from the buckets of Istio's histogram.
//!
//! What `histogram_quantile(q, sum by (le) (rate(istio_request_duration_milliseconds_bucket{…}[SPAN])))` answers, with
//! the reasons that it has for NaN: <https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile>.
//! A quantile beyond the largest bound would be answered by that bound, which is too little: it is missing here.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use crate::host::Host;
use crate::prometheus::{self, Series, quote};
use crate::text::figure;

/// A histogram: cumulative rates (1/s) by upper bound (ms), the last bound infinite, and who reported it.
#[derive(Clone, Debug, PartialEq)]
pub struct Buckets {
    bounds: Vec<(f64, f64)>,
    /// Whether the callers' proxies reported it; else the server's.
    pub by_callers: bool,
}

/// Reads the histogram of a host over a span: as its callers saw it, else as its own proxies did.
///
/// # Errors
/// What a script may not handle.
pub fn buckets(run: &Run, host: &Host, span: Span) -> Result<Result<Buckets, Missing>, Failure> {
    let query = format!(
        "sum by (reporter, le) (rate(istio_request_duration_milliseconds_bucket{{destination_service={}}}[{span}]))",
        quote(host.fqdn())
    );
    let answer = prometheus::ask(run, &format!("latency of {} over {span}", host.text()), query)?;
    Ok(answer.and_then(|series| of(&series, host, span)))
}

fn of(series: &[Series], host: &Host, span: Span) -> Result<Buckets, Missing> {
    let side = |reporter: &str| {
        let own = series.iter().filter(|series| series.label("reporter") == reporter);
        let bound = |series: &Series| Some((series.label("le").parse::<f64>().ok()?, series.last()?.1));
        let mut bounds: Vec<(f64, f64)> = own.filter_map(bound).filter(|(le, _)| !le.is_nan()).collect();
        bounds.sort_by(|a, b| a.0.total_cmp(&b.0));
        // Scrapes of different moments can make a sum that falls, which no histogram does.
        let mut most = 0.0_f64;
        for (_, count) in &mut bounds {
            most = most.max(if count.is_finite() { *count } else { 0.0 });
            *count = most;
        }
        bounds
    };
    let mut idle = false;
    for (reporter, by_callers) in [("source", true), ("destination", false)] {
        let bounds = side(reporter);
        match bounds.last() {
            Some((_, total)) if *total > 0.0 => return Ok(Buckets { bounds, by_callers }),
            other => idle |= other.is_some(),
        }
    }
    Err(if idle {
        Missing::NotANumber(format!("no request to {} was timed in {span}", host.text()))
    } else {
        Missing::NoSeries(format!("istio_request_duration_milliseconds_bucket has no series of {}", host.text()))
    })
}

impl Buckets {
    /// The quantile in seconds, by linear interpolation within its bucket.
    ///
    /// # Errors
    /// Why it has none: no bucket without an upper bound, or it lies in that one.
    pub fn quantile(&self, q: f64) -> Result<f64, Missing> {
        let Some(((last, total), finite)) = self.bounds.split_last().filter(|(_, finite)| !finite.is_empty()) else {
            return Err(Missing::NotANumber("the histogram has fewer than two buckets".into()));
        };
        if last.is_finite() {
            return Err(Missing::NotANumber("the histogram has no bucket le=\"+Inf\"".into()));
        }
        let rank = q * total;
        let Some(place) = finite.iter().position(|(_, count)| *count >= rank) else {
            let largest = finite.last().map_or(0.0, |(le, _)| *le);
            return Err(Missing::NotANumber(format!(
                "it lies beyond the largest bucket of {} s",
                figure(largest / 1000.0)
            )));
        };
        let (end, count) = finite[place];
        let (start, below) = if place == 0 { (0.0, 0.0) } else { finite[place - 1] };
        let part = if count > below { (rank - below) / (count - below) } else { 1.0 };
        Ok((start + (end - start) * part) / 1000.0)
    }

    /// The share of requests that took longer than so many seconds, interpolated as the quantile is.
    pub fn share_above(&self, seconds: f64) -> f64 {
        let (at, total) = (seconds * 1000.0, self.bounds.last().map_or(0.0, |(_, total)| *total));
        let (mut start, mut below) = (0.0, 0.0);
        for (end, count) in &self.bounds {
            if at <= *end {
                let part = if end.is_finite() { (at - start) / (end - start) } else { 0.0 };
                return 1.0 - (below + (count - below) * part) / total;
            }
            (start, below) = (*end, *count);
        }
        0.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::host::tests::graph_core;

    fn histogram(reporter: &str, counts: &[(&str, f64)]) -> Vec<Series> {
        let one = |(le, count): &(&str, f64)| Series {
            labels: [("reporter", reporter), ("le", le)].iter().map(|(k, v)| ((*k).into(), (*v).into())).collect(),
            samples: vec![(0.0, *count)],
        };
        counts.iter().map(one).collect()
    }

    fn read(series: &[Series]) -> Result<Buckets, Missing> {
        of(series, &graph_core(), "5m".parse().expect("a span"))
    }

    const COUNTS: [(&str, f64); 4] = [("+Inf", 100.0), ("1000", 50.0), ("2500", 90.0), ("5000", 100.0)];

    #[test]
    fn quantiles_are_those_of_prometheus() {
        let buckets = read(&histogram("source", &COUNTS)).expect("a histogram");
        assert!((buckets.quantile(0.5).expect("a number") - 1.0).abs() < 1e-9);
        assert!((buckets.quantile(0.95).expect("a number") - 3.75).abs() < 1e-9);
        assert!((buckets.quantile(0.25).expect("a number") - 0.5).abs() < 1e-9, "from zero in the first bucket");
        assert!((buckets.share_above(2.5) - 0.1).abs() < 1e-9);
        assert!((buckets.share_above(1.75) - 0.3).abs() < 1e-9);
    }

    #[test]
    fn callers_come_first_and_the_server_speaks_where_they_are_silent() {
        let mut both = histogram("destination", &[("+Inf", 10.0), ("500", 10.0)]);
        assert!(!read(&both).expect("the server's").by_callers);
        both.extend(histogram("source", &COUNTS));
        assert!(read(&both).expect("the callers'").by_callers);
        let mut idle = histogram("source", &[("+Inf", 0.0), ("500", 0.0)]);
        assert!(matches!(read(&idle), Err(Missing::NotANumber(_))));
        idle.extend(histogram("destination", &COUNTS));
        assert!(!read(&idle).expect("the server's").by_callers);
    }

    #[test]
    fn what_has_no_answer_says_why() {
        assert!(matches!(read(&[]), Err(Missing::NoSeries(_))));
        let beyond = read(&histogram("source", &[("+Inf", 100.0), ("5000", 90.0)])).expect("a histogram");
        let why = beyond.quantile(0.95).expect_err("it lies in +Inf").to_string();
        assert!(why.contains("beyond the largest bucket of 5 s"), "{why}");
        let open = read(&histogram("source", &[("1000", 50.0), ("5000", 90.0)])).expect("a histogram");
        assert!(open.quantile(0.5).expect_err("no +Inf").to_string().contains("+Inf"));
    }

    proptest! {
        #[test]
        fn quantile_and_share_are_inverse(counts in proptest::collection::vec(0.1..100.0_f64, 3..8), q in 0.01..0.99_f64) {
            let mut sum = 0.0;
            let mut bounds: Vec<(f64, f64)> = counts.iter().enumerate().map(|(i, count)| {
                sum += count;
                (100.0 * 2_f64.powi(i32::try_from(i).expect("few")), sum)
            }).collect();
            bounds.push((f64::INFINITY, sum));
            let buckets = Buckets { bounds, by_callers: true };
            let at = buckets.quantile(q).expect("inside");
            prop_assert!((buckets.share_above(at) - (1.0 - q)).abs() < 1e-6);
        }
    }
}
