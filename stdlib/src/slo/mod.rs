//! Service level objectives: how much of a service's error budget is left, and how fast it burns.

pub mod budget;
pub mod gather;

use std::sync::Arc;
use std::time::Duration;

use meshbook_runtime::noun::Noun;
use meshbook_runtime::value::{Missing, Span, Table};
use serde_json::{Value, json};

use self::budget::{Count, Pair};
use crate::text::{and, figure, first_line, percent};

/// What is promised.
#[derive(Clone, Debug)]
pub struct Objectives {
    /// The share of requests that must be answered, and not by 5xx.
    pub availability: f64,
    /// What counts as fast.
    pub within: Span,
    /// The share of requests that must be fast.
    pub fast: f64,
    /// Over which span.
    pub window: Span,
}

/// The requests of a host in one window.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// Its length.
    pub span: Span,
    /// Requests, and errors among them.
    pub errors: Count,
    /// Whether Prometheus has samples from its beginning.
    pub covered: bool,
}

/// What a host did.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name, without the cluster's domain.
    pub host: String,
    /// Who counted: `source` are the callers' proxies, `destination` its own.
    pub reporter: &'static str,
    /// Windows from the shortest to that of the objectives.
    pub windows: Vec<Window>,
    /// Requests timed over the whole window, and those that were too slow; why they cannot be told, if so.
    pub slow: Result<Count, Missing>,
}

impl Service {
    fn whole(&self) -> Option<&Window> {
        self.windows.last()
    }

    /// The first pair of windows in which the budget burns faster than it may.
    fn burning(&self, objectives: &Objectives) -> Option<(Pair, f64)> {
        let burn = |seconds: f64| {
            let window = self.windows.iter().find(|window| (window.span.0.as_secs_f64() - seconds).abs() < 1.0)?;
            // A window that reaches back behind the first sample says nothing of its own length.
            window.errors.burn(objectives.availability).filter(|_| window.covered)
        };
        budget::pairs(objectives.window.0.as_secs_f64()).into_iter().find_map(|pair| {
            let (long, short) = (burn(pair.long)?, burn(pair.short)?);
            (long > pair.rate && short > pair.rate).then_some((pair, long))
        })
    }

    /// Objectives that are not met, as sentences.
    fn missed(&self, objectives: &Objectives) -> Vec<String> {
        let mut all = Vec::new();
        let answered = self.whole().and_then(|whole| whole.errors.ratio()).map(|ratio| 1.0 - ratio);
        if let Some(share) = answered.filter(|share| *share < objectives.availability) {
            all.push(format!(
                "{} of its requests were answered, {} is promised",
                exact(share),
                exact(objectives.availability)
            ));
        }
        let fast = self.slow.as_ref().ok().and_then(|slow| slow.ratio()).map(|ratio| 1.0 - ratio);
        if let Some(share) = fast.filter(|share| *share < objectives.fast) {
            all.push(format!(
                "{} of its requests took no longer than {}, {} is promised",
                exact(share),
                objectives.within,
                exact(objectives.fast)
            ));
        }
        all
    }
}

/// A share near 1, with as many digits as tell it from 1.
fn exact(share: f64) -> String {
    let text = format!("{:.3}", share * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A report of objectives.
#[derive(Clone, Debug)]
pub struct SloReport(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    about: String,
    objectives: Objectives,
    services: Result<Vec<Service>, Missing>,
}

impl SloReport {
    /// A report about services, each of which has had requests.
    pub fn new(about: &str, objectives: Objectives, services: Result<Vec<Service>, Missing>) -> Self {
        SloReport(Arc::new(Inner { about: about.to_owned(), objectives, services }))
    }

    /// Why there is none, or why one of its figures is missing, if so.
    pub fn missing(&self) -> Option<String> {
        match &self.0.services {
            Err(missing) => Some(missing.to_string()),
            Ok(services) => services
                .iter()
                .find_map(|one| Some(format!("{}: {}", one.host, one.slow.as_ref().err()?)))
                .or_else(|| self.short()),
        }
    }

    /// That Prometheus does not reach back to the beginning of the window, if so.
    fn short(&self) -> Option<String> {
        let services = self.0.services.as_ref().ok()?;
        let short = services.iter().filter(|one| one.whole().is_some_and(|whole| !whole.covered));
        let names: Vec<String> = short.map(|one| one.host.clone()).collect();
        let reach = services
            .iter()
            .flat_map(|one| &one.windows)
            .filter(|window| window.covered)
            .map(|window| window.span)
            .max();
        let reach = reach.map_or_else(|| "less than the shortest window".to_owned(), |span| format!("{span} at least"));
        (!names.is_empty()).then(|| {
            format!(
                "Prometheus has no samples from {} ago of {}: what it has reaches back {reach}",
                self.0.objectives.window,
                and(&names)
            )
        })
    }

    fn services(&self) -> &[Service] {
        self.0.services.as_deref().unwrap_or_default()
    }

    /// Objectives that are not met, as far as can be told, as sentences that name their service.
    pub fn missed(&self) -> Vec<String> {
        let of = |one: &Service| {
            let host = one.host.clone();
            one.missed(&self.0.objectives).into_iter().map(move |what| format!("{host}: {what}"))
        };
        self.services().iter().flat_map(of).collect()
    }

    /// Services whose budget burns faster than it may, as far as can be told, as sentences.
    pub fn burning(&self) -> Vec<String> {
        let burning = self.services().iter().filter_map(|one| {
            let (pair, rate) = one.burning(&self.0.objectives)?;
            let long = Span(Duration::from_secs_f64(pair.long));
            Some(format!(
                "{}: its error budget burns {} times too fast over {long}, {} is the alert's bound",
                one.host,
                figure(rate),
                figure(pair.rate)
            ))
        });
        burning.collect()
    }

    fn verdict(&self, one: &Service) -> &'static str {
        if !one.missed(&self.0.objectives).is_empty() {
            "missed"
        } else if one.burning(&self.0.objectives).is_some() {
            "burns"
        } else if one.slow.is_err() || one.whole().is_none_or(|whole| !whole.covered) {
            "no data"
        } else {
            "met"
        }
    }
}

impl Noun for SloReport {
    const NAME: &'static str = "SloReport";
    const DOC: &'static str = "Service level objectives: requests, errors, error budget left, and how fast it burns.";

    fn text(&self) -> String {
        match &self.0.services {
            Err(missing) => format!("no data: {missing}"),
            Ok(services) => {
                let met = services.iter().filter(|one| self.verdict(one) == "met").count();
                format!(
                    "{met} of {} met their objectives over {}",
                    crate::text::count(services.len(), "service", "services"),
                    self.0.objectives.window
                )
            }
        }
    }

    fn table(&self) -> Table {
        let Ok(services) = &self.0.services else { return Table::line(self.text()) };
        let objectives = &self.0.objectives;
        let title = format!(
            "{} over {}: {} answered, {} within {}",
            self.0.about,
            objectives.window,
            exact(objectives.availability),
            exact(objectives.fast),
            objectives.within
        );
        let mut table =
            Table::new(title, &["SERVICE", "REQUESTS", "ERRORS", "BUDGET LEFT", "SLOW", "BUDGET LEFT", "VERDICT"]);
        let left = |left: Option<f64>| left.map_or_else(|| "-".into(), percent);
        for one in services {
            let whole = one.whole().map(|whole| whole.errors).unwrap_or_default();
            let slow = one.slow.as_ref().ok();
            table.row([
                first_line(&one.host),
                figure(whole.total.round()),
                figure(whole.bad.round()),
                left(whole.left(objectives.availability)),
                slow.map_or_else(|| "-".into(), |slow| figure(slow.bad.round())),
                left(slow.and_then(|slow| slow.left(objectives.fast))),
                self.verdict(one).into(),
            ]);
        }
        for one in services {
            let burns = one.windows.iter().map(|window| {
                let burn = window.errors.burn(objectives.availability).map_or_else(|| "-".into(), figure);
                format!("{} {burn}{}", window.span, if window.covered { "" } else { "*" })
            });
            table.note(format!("burn rate of {}: {}", one.host, burns.collect::<Vec<_>>().join(", ")));
        }
        if services.iter().flat_map(|one| &one.windows).any(|window| !window.covered) {
            table.note("* Prometheus does not reach back that far: over what it has");
        }
        table
    }

    fn json(&self) -> Value {
        let objectives = &self.0.objectives;
        let promised = json!({
            "availability": objectives.availability, "fast": objectives.fast,
            "within_seconds": objectives.within.0.as_secs_f64(), "window_seconds": objectives.window.0.as_secs_f64(),
        });
        let count = |count: Count, objective: f64| json!({ "total": count.total, "bad": count.bad, "burn_rate": count.burn(objective), "budget_left": count.left(objective) });
        match &self.0.services {
            Err(missing) => json!({ "objectives": promised, "missing": missing.to_string() }),
            Ok(services) => json!({
                "objectives": promised,
                "services": services.iter().map(|one| json!({
                    "service": one.host, "reporter": one.reporter, "verdict": self.verdict(one),
                    "windows": one.windows.iter().map(|window| {
                        let mut value = count(window.errors, objectives.availability);
                        value["seconds"] = json!(window.span.0.as_secs_f64());
                        value["covered"] = json!(window.covered);
                        value
                    }).collect::<Vec<_>>(),
                    "latency": match &one.slow {
                        Ok(slow) => count(*slow, objectives.fast),
                        Err(missing) => json!({ "missing": missing.to_string() }),
                    },
                })).collect::<Vec<_>>(),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    fn span(text: &str) -> Span {
        text.parse().unwrap()
    }

    fn report(windows: &[(&str, f64, f64, bool)], slow: Result<Count, Missing>) -> SloReport {
        let objectives = Objectives { availability: 0.999, within: span("1s"), fast: 0.99, window: span("30d") };
        let windows = windows.iter().map(|(text, total, bad, covered)| Window {
            span: span(text),
            errors: Count { total: *total, bad: *bad },
            covered: *covered,
        });
        let service =
            Service { host: "graph-core.summit".into(), reporter: "source", windows: windows.collect(), slow };
        SloReport::new("graph-core.summit", objectives, Ok(vec![service]))
    }

    const FAST: Result<Count, Missing> = Ok(Count { total: 1000.0, bad: 1.0 });

    #[test]
    fn met_missed_burning_and_unknown_are_told_apart() {
        let met = report(&[("5m", 100.0, 0.0, true), ("1h", 1000.0, 0.0, true), ("30d", 1e6, 100.0, true)], FAST);
        assert!(met.missed().is_empty() && met.burning().is_empty() && met.missing().is_none());
        let missed = report(&[("30d", 1e6, 2000.0, true)], FAST);
        assert_eq!(missed.missed(), ["graph-core.summit: 99.8 % of its requests were answered, 99.9 % is promised"]);
        let slow = report(&[("30d", 1e6, 0.0, true)], Ok(Count { total: 1000.0, bad: 20.0 }));
        assert_eq!(slow.missed(), ["graph-core.summit: 98 % of its requests took no longer than 1s, 99 % is promised"]);
        let burning = report(&[("5m", 100.0, 2.0, true), ("1h", 1000.0, 16.0, true), ("30d", 1e6, 100.0, true)], FAST);
        assert!(burning.burning()[0].contains("16 times too fast over 1h, 14.4 is"), "{:?}", burning.burning());
        // The errors of that hour have ended: the shorter window says so.
        let over = report(&[("5m", 100.0, 0.0, true), ("1h", 1000.0, 16.0, true), ("30d", 1e6, 100.0, true)], FAST);
        assert!(over.burning().is_empty());
        let short = report(&[("5m", 100.0, 0.0, true), ("30d", 1e6, 100.0, false)], FAST);
        assert!(short.missing().unwrap().contains("reaches back 5m at least"), "{:?}", short.missing());
        assert!(short.missed().is_empty());
        let untimed = report(&[("30d", 1e6, 0.0, true)], Err(Missing::NotExported("x".into())));
        assert!(untimed.missing().unwrap().contains("not exported"));
        let tables = [met, missed, slow, burning, short, untimed].map(|report| (report.table(), report.json()));
        let verdicts = tables.map(|(table, _)| table.rows[0][6].clone());
        assert_eq!(verdicts, ["met", "missed", "missed", "burns", "no data", "no data"]);
    }
}
