//! Counts requests, errors and slow answers in each window.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshbook_runtime::effect::{Call, Effect};
use meshbook_runtime::failure::{Failure, TYPE};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use super::budget::Count;
use super::{Objectives, Service, SloReport, Window};
use crate::prometheus::{self, Series};
use crate::text::{figure, time};

/// The windows of burn rates, in seconds: those of the pairs, and what people ask for between them.
const WINDOWS: [u64; 7] = [300, 1800, 3600, 7200, 21_600, 86_400, 259_200];

/// What is counted as an error: an answer of 500 to 599, and no answer at all, which Istio writes as 0.
const ERRORS: &str = "response_code=~\"5..|0\"";

/// Reports on everything that a selector of `istio_requests_total` selects; `about` names it in sentences.
///
/// # Errors
/// `TYPE` if what counts as fast is no bound of Istio's histogram, and what a script may not handle.
pub fn gather(run: &Run, about: &str, selector: &str, objectives: Objectives) -> Result<SloReport, Failure> {
    let whole = objectives.window;
    let mut spans: Vec<Span> =
        WINDOWS.iter().map(|seconds| Span(Duration::from_secs(*seconds))).filter(|span| *span < whole).collect();
    spans.push(whole);
    let counter = |more: &str, span: Span| {
        format!("sum by (reporter, destination_service) (increase(istio_requests_total{{{selector}{more}}}[{span}]))")
    };
    let ask = |summary: String, query: String| Effect::read("Prometheus", summary, Call::Query { query, at: None });
    let mut effects = Vec::new();
    for span in &spans {
        effects.push(ask(format!("requests of {about} over {span}"), counter("", *span)));
        effects.push(ask(format!("errors of {about} over {span}"), counter(&format!(",{ERRORS}"), *span)));
        let past =
            format!("count by (reporter, destination_service) (istio_requests_total{{{selector}}} offset {span})");
        effects.push(ask(format!("whether there are samples from {span} ago"), past));
    }
    let buckets = format!(
        "sum by (reporter, destination_service, le) (increase(istio_request_duration_milliseconds_bucket{{{selector}}}[{whole}]))"
    );
    effects.push(ask(format!("how long requests of {about} took over {whole}"), buckets));
    let mut replies = run.read_all(effects).into_iter();
    let mut next = || prometheus::answer(replies.next().expect("each effect is answered"));
    let mut windows = Vec::new();
    let mut missing = None;
    for span in &spans {
        match (next()?, next()?, next()?) {
            (Ok(all), Ok(bad), Ok(past)) => windows.push((*span, by_host(&all), by_host(&bad), by_host(&past))),
            (Err(why), ..) | (_, Err(why), _) | (.., Err(why)) => missing = Some(why),
        }
    }
    let timed = next()?;
    if let Some(missing) = missing {
        return Ok(SloReport::new(about, objectives, Err(missing)));
    }
    let services = services(about, &objectives, &windows, timed)?;
    Ok(SloReport::new(about, objectives, services))
}

/// A figure for each host and each side that counted it.
type ByHost = BTreeMap<(String, &'static str), f64>;

fn side(series: &Series) -> Option<&'static str> {
    ["source", "destination"].into_iter().find(|side| series.label("reporter") == *side)
}

fn by_host(series: &[Series]) -> ByHost {
    let one = |series: &Series| {
        let value = series.last()?.1;
        Some(((series.label("destination_service").to_owned(), side(series)?), value)).filter(|_| value.is_finite())
    };
    series.iter().filter_map(one).collect()
}

fn services(
    about: &str,
    objectives: &Objectives,
    windows: &[(Span, ByHost, ByHost, ByHost)],
    timed: Result<Vec<Series>, Missing>,
) -> Result<Result<Vec<Service>, Missing>, Failure> {
    let Some((_, whole, ..)) = windows.last() else { return Ok(Err(Missing::NoSeries(about.to_owned()))) };
    let hosts: BTreeSet<&String> = whole.iter().filter(|(_, total)| **total > 0.0).map(|((host, _), _)| host).collect();
    if hosts.is_empty() {
        return Ok(Err(if whole.is_empty() {
            Missing::NoSeries(format!("istio_requests_total has none of {about}"))
        } else {
            Missing::NotANumber(format!("no request to {about} in {}", objectives.window))
        }));
    }
    let mut services = Vec::new();
    for host in hosts {
        // Callers count what never reached the server too; where none of them reports, the server's own count must do.
        let total = |side| whole.get(&(host.clone(), side)).copied().unwrap_or(0.0);
        let reporter = if total("source") > 0.0 { "source" } else { "destination" };
        let key = (host.clone(), reporter);
        let of = |figures: &ByHost| figures.get(&key).copied().unwrap_or(0.0);
        let windows = windows.iter().map(|(span, all, bad, past)| Window {
            span: *span,
            errors: Count { total: of(all), bad: of(bad).min(of(all)) },
            covered: of(past) > 0.0,
        });
        services.push(Service {
            host: host.trim_end_matches(".svc.cluster.local").to_owned(),
            reporter,
            windows: windows.collect(),
            slow: match &timed {
                Ok(series) => slow(series, host, reporter, objectives)?,
                Err(missing) => Err(missing.clone()),
            },
        });
    }
    Ok(Ok(services))
}

/// Requests that took longer than the objective allows.
fn slow(
    series: &[Series],
    host: &str,
    reporter: &str,
    objectives: &Objectives,
) -> Result<Result<Count, Missing>, Failure> {
    let own = series.iter().filter(|one| one.label("destination_service") == host && one.label("reporter") == reporter);
    let mut buckets: Vec<(f64, f64)> =
        own.filter_map(|one| Some((one.label("le").parse().ok()?, one.last()?.1))).collect();
    buckets.retain(|(le, count)| !le.is_nan() && count.is_finite());
    buckets.sort_by(|a, b| a.0.total_cmp(&b.0));
    let Some((_, total)) = buckets.last().filter(|(le, total)| le.is_infinite() && *total > 0.0).copied() else {
        return Ok(Err(Missing::NotExported(format!("istio_request_duration_milliseconds_bucket has none of {host}"))));
    };
    let wanted = objectives.within.0.as_secs_f64() * 1000.0;
    let Some((_, fast)) = buckets.iter().find(|(le, _)| (le - wanted).abs() < 0.001) else {
        let below = buckets.iter().rfind(|(le, _)| *le < wanted).map(|(le, _)| time(le / 1000.0));
        let above = buckets.iter().find(|(le, _)| *le > wanted && le.is_finite()).map(|(le, _)| time(le / 1000.0));
        let near: Vec<String> = below.into_iter().chain(above).collect();
        return Err(Failure::new(
            &TYPE,
            format!(
                "{} is no bound of Istio's histogram: how many requests took longer cannot be counted",
                time(wanted / 1000.0)
            ),
        )
        .hint(format!("its nearest bounds are {}", crate::text::and(&near))));
    };
    Ok(Ok(Count { total, bad: (total - fast).max(0.0) }))
}

/// Whether a share can be an objective.
///
/// # Errors
/// `TYPE` with what is wrong.
pub fn objective(name: &str, share: f64) -> Result<f64, Failure> {
    if (0.0..1.0).contains(&share) && share > 0.0 {
        Ok(share)
    } else {
        Err(Failure::new(&TYPE, format!("{name} must be more than 0 and less than 1, not {}", figure(share)))
            .hint("write 99.9 % as 0.999; an objective of 1 has no error budget"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::budget;

    #[test]
    fn every_window_of_a_pair_is_asked() {
        for pair in budget::pairs(30.0 * 86_400.0) {
            for seconds in [pair.long, pair.short] {
                assert!(WINDOWS.iter().any(|window| (*window as f64 - seconds).abs() < 0.5), "{seconds}");
            }
        }
    }

    #[test]
    fn objectives_are_shares() {
        assert!(objective("availability", 0.999).is_ok());
        for wrong in [0.0, 1.0, 99.9, -1.0, f64::NAN] {
            assert!(objective("availability", wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_bound_between_buckets_is_refused_with_the_nearest() {
        let bucket = |le: &str, count: f64| Series {
            labels: [("destination_service", "a"), ("reporter", "source"), ("le", le)]
                .map(|(k, v)| (k.to_owned(), v.to_owned()))
                .into(),
            samples: vec![(0.0, count)],
        };
        let series = [bucket("1000", 90.0), bucket("2500", 95.0), bucket("+Inf", 100.0)];
        let of = |within: &str| {
            let objectives = Objectives {
                availability: 0.9,
                within: within.parse().expect("a span"),
                fast: 0.9,
                window: Span(Duration::from_secs(60)),
            };
            slow(&series, "a", "source", &objectives)
        };
        assert_eq!(of("2500ms").expect("a bound").expect("data"), Count { total: 100.0, bad: 5.0 });
        let failure = of("2s").expect_err("no bound");
        assert!(failure.hint.as_deref().is_some_and(|hint| hint.contains("1 s and 2.5 s")), "{failure:?}");
        assert!(
            slow(
                &series,
                "b",
                "source",
                &Objectives {
                    availability: 0.9,
                    within: Span(Duration::from_secs(1)),
                    fast: 0.9,
                    window: Span(Duration::from_secs(60))
                }
            )
            .expect("an answer")
            .is_err()
        );
    }
}
