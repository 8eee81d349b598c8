//! Asks an indicator's query, and where it has no answer, why.

use meshbook_runtime::effect::{Call, Effect};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;

use super::{Indicator, Point, Unit};
use crate::prometheus::{self, Series, expression};
use crate::text::{and, first_line};

/// A metric whose newest sample is older than this many seconds does not speak for now: two scrapes of a minute.
const OLD: f64 = 120.0;

/// Measures.
///
/// # Errors
/// What a script may not handle, and a query that Prometheus does not understand.
pub fn gather(run: &Run, what: &str, unit: Unit, query: &str) -> Result<Indicator, Failure> {
    let metrics: Vec<String> = expression::metrics(query).unwrap_or_default().into_iter().collect();
    let ask = |summary: String, query: String| Effect::read("Prometheus", summary, Call::Query { query, at: None });
    let mut effects = vec![ask(what.to_owned(), query.to_owned()), ask("its time".into(), "time()".into())];
    for metric in &metrics {
        effects.push(ask(format!("newest sample of {metric}"), format!("max(timestamp({metric}))")));
    }
    let mut replies = run.read_all(effects).into_iter();
    let mut next = || prometheus::answer(replies.next().expect("each effect is answered"));
    let (found, now) = (next()?, next()?);
    let newest = metrics.iter().map(|_| next()).collect::<Result<Vec<_>, _>>()?;
    let outcome = found.and_then(|series| {
        let now = now?.first().and_then(Series::last).map(|(_, now)| now);
        let now = now.ok_or_else(|| Missing::Unreachable("Prometheus does not tell its time".into()))?;
        let mut ages = Vec::new();
        for newest in newest {
            ages.push(newest?.first().and_then(Series::last).map(|(_, at)| now - at));
        }
        judge(series, &metrics, &ages, query)
    });
    Ok(Indicator::new(what, unit, query, outcome))
}

/// The points of an answer, or why there are none: by the age of each metric's newest sample, if it has one.
fn judge(series: Vec<Series>, metrics: &[String], ages: &[Option<f64>], query: &str) -> Result<Vec<Point>, Missing> {
    let of = |chosen: &dyn Fn(&Option<f64>) -> bool| {
        let names = metrics.iter().zip(ages).filter(|(_, age)| chosen(age)).map(|(name, _)| name.clone());
        names.collect::<Vec<_>>()
    };
    let absent = of(&Option::is_none);
    let old = of(&|age| age.is_some_and(|age| age > OLD));
    if let (false, Some(oldest)) = (old.is_empty(), ages.iter().flatten().copied().max_by(f64::total_cmp)) {
        return Err(Missing::Stale(format!("{} was last scraped {oldest:.0} s ago", and(&old))));
    }
    let some = !series.is_empty();
    let points: Vec<Point> = series
        .into_iter()
        .filter_map(|one| Some(Point { value: one.last()?.1, labels: one.labels }))
        .filter(|point| !point.value.is_nan())
        .collect();
    match (points.is_empty(), absent.is_empty(), some) {
        (false, _, _) => Ok(points),
        (true, false, _) => Err(Missing::NotExported(format!("{} has no series", and(&absent)))),
        (true, true, true) => Err(Missing::NotANumber("every series is NaN, as a share of no requests is".into())),
        (true, true, false) => Err(Missing::NoSeries(format!(
            "the metric is there, but nothing that `{}` selects",
            first_line(query.trim())
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(value: f64) -> Series {
        Series { samples: vec![(0.0, value)], ..Series::default() }
    }

    #[test]
    fn each_reason_is_told_apart() {
        let metrics = ["a_total".to_owned(), "b_total".to_owned()];
        let of = |series: Vec<Series>, ages: [Option<f64>; 2]| judge(series, &metrics, &ages, "a_total / b_total");
        let fresh = [Some(5.0), Some(5.0)];
        assert_eq!(of(vec![series(1.0), series(f64::NAN)], fresh).map(|points| points.len()), Ok(1));
        assert!(matches!(of(vec![series(f64::NAN)], fresh), Err(Missing::NotANumber(_))));
        assert!(matches!(of(vec![], fresh), Err(Missing::NoSeries(_))));
        assert!(matches!(of(vec![], [Some(5.0), None]), Err(Missing::NotExported(why)) if why.contains("b_total")));
        assert!(
            matches!(of(vec![series(1.0)], [Some(200.0), Some(5.0)]), Err(Missing::Stale(why)) if why.contains("a_total") && why.contains("200 s"))
        );
        // A query made of two alternatives may have the one and not the other.
        assert!(of(vec![series(1.0)], [Some(5.0), None]).is_ok());
    }
}
