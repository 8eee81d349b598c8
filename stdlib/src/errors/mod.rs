//! The errors: which part of the requests to a host failed in a span of time.

use std::sync::Arc;

use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span, Table};
use serde_json::{Value, json};

use crate::evidence::sampler::{Clusters, Snapshot, window};
use crate::evidence::survey;
use crate::evidence::window::increase;
use crate::host::Host;
use crate::prometheus::requests::{Answers, Reporter};
use crate::proxy::Proxy;
use crate::refusals::merged;
use crate::text::{figure, percent};
use crate::workload::Workload;

/// A part of requests that may be worse by chance or by so little that nobody would act on it: half a per cent.
pub const MARGIN: f64 = 0.005;

/// How many standard errors a difference must exceed, so that chance is no reason to take a change back.
const STANDARD_ERRORS: f64 = 3.0;

/// Which part of the requests to a host failed.
#[derive(Clone, Debug)]
pub struct Errors(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Whose: `requests to graph-core.summit`.
    requests: String,
    /// The same for programs: what it is, and its name.
    of: (&'static str, String),
    span: Span,
    counted: Result<Counted, Missing>,
}

/// Requests and errors in a span.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Counted {
    /// Requests that were answered or failed.
    pub total: f64,
    /// Those with an answer of 500 to 599, or without one.
    pub errors: f64,
    /// Where the figures are from.
    pub source: &'static str,
}

impl Counted {
    /// The part that failed.
    pub fn rate(&self) -> f64 {
        self.errors / self.total
    }
}

impl Errors {
    /// What was counted; no requests are no data, because no part of nothing fails.
    pub fn new(host: Host, span: Span, counted: Result<Counted, Missing>) -> Self {
        let requests = format!("requests to {}", host.text());
        Errors::of(requests, ("host", host.fqdn().to_owned()), span, counted)
    }

    /// The same of the requests that a workload sends.
    pub fn sent(workload: &Workload, span: Span, counted: Result<Counted, Missing>) -> Self {
        let name = workload.text();
        Errors::of(format!("requests that {name} sent"), ("workload", name), span, counted)
    }

    fn of(requests: String, of: (&'static str, String), span: Span, counted: Result<Counted, Missing>) -> Self {
        let counted = counted.and_then(|counted| {
            if counted.total > 0.0 && counted.total.is_finite() && counted.errors.is_finite() {
                Ok(counted)
            } else {
                Err(Missing::NoSeries(format!("of {requests} none was counted in {span}")))
            }
        });
        Errors(Arc::new(Inner { requests, of, span, counted }))
    }

    /// What was counted.
    ///
    /// # Errors
    /// `NO_DATA` with the reason, if nothing could be.
    pub fn counted(&self) -> Result<Counted, Failure> {
        self.0
            .counted
            .as_ref()
            .copied()
            .map_err(|missing| missing.failure(&format!("the errors of {}", self.0.requests)))
    }

    /// Why nothing could be counted, if so.
    pub fn missing(&self) -> Option<&Missing> {
        self.0.counted.as_ref().err()
    }

    /// Counts the errors of a host over a span: in Prometheus, as the callers saw them, which includes what circuit
    /// breakers refused; else by the counters of each host that Envoy exports by default, on the callers' side.
    ///
    /// # Errors
    /// What every read of the API server can end in; a source that does not answer is missing data instead.
    pub fn gather(run: &Run, host: &Host, span: Span) -> Result<Self, Failure> {
        let requests = survey::requests(run, host, span)?;
        let survey = survey::survey(run, host, requests.as_ref().ok())?;
        let told = requests.and_then(|requests| {
            requests.seen_by(Reporter::Source).or_else(|_| requests.seen_by(Reporter::Destination))
        });
        let counted = match told {
            Ok(counted) => {
                let mut all = Answers::default();
                counted.values().for_each(|answers| all.add(answers));
                Ok(Counted { total: all.total, errors: all.errors, source: "Prometheus: istio_requests_total" })
            }
            Err(why) if survey.callers.is_empty() => Err(survey.unseen.clone().unwrap_or(why)),
            Err(_) => by_hosts(run, host, &survey.callers, span)?,
        };
        Ok(Errors::new(host.clone(), span, counted))
    }
}

/// `rq_error` and `rq_success` of the hosts of a cluster.
fn by_hosts(run: &Run, host: &Host, callers: &[Proxy], span: Span) -> Result<Result<Counted, Missing>, Failure> {
    let read = window::<Clusters>(run, host, callers, span, |snapshot: &Snapshot<Clusters>| {
        callers.iter().any(|proxy| snapshot.page(proxy).is_some())
    })?;
    let Some((before, after)) = read else {
        return Ok(Err(Missing::Unreachable(format!("no proxy that calls {} answered", host.text()))));
    };
    let (mut total, mut errors) = (0.0, 0.0);
    for proxy in callers {
        let (Some(before), Some(after)) = (before.page(proxy), after.page(proxy)) else { continue };
        let (earlier, later) = (answered(before, host), answered(after, host));
        total += increase(earlier.0, later.0);
        errors += increase(earlier.1, later.1);
    }
    Ok(Ok(Counted { total, errors: errors.min(total), source: "Envoy: rq_success and rq_error of its hosts" }))
}

fn answered(page: &Clusters, host: &Host) -> (f64, f64) {
    let clusters = page.0.iter().filter(|cluster| cluster.name.is_outbound_to(host.fqdn()));
    clusters.map(crate::envoy::clusters::Cluster::answered).fold((0.0, 0.0), |sum, one| (sum.0 + one.0, sum.1 + one.1))
}

/// Whether `now` is no worse than `then`: the difference of the two rates does not exceed half a per cent, or three
/// standard errors of the difference of two proportions, whichever is more (pooled two-proportion z-test).
pub fn not_worse(now: Counted, then: Counted) -> bool {
    let pooled = (now.errors + then.errors) / (now.total + then.total);
    let standard_error = (pooled * (1.0 - pooled) * (1.0 / now.total + 1.0 / then.total)).max(0.0).sqrt();
    now.rate() - then.rate() <= MARGIN.max(STANDARD_ERRORS * standard_error)
}

impl Noun for Errors {
    const NAME: &'static str = "Errors";
    const DOC: &'static str = "Which part of the requests to a host, or of those that a workload sent, failed in a span of time: answers of 500 to 599, and requests without an answer, as the callers saw it. May be missing; no requests are no data.";

    fn text(&self) -> String {
        match &self.0.counted {
            Ok(counted) => format!(
                "{} of {} {} failed in {} ({})",
                percent(counted.rate()),
                figure(counted.total.round()),
                self.0.requests,
                self.0.span,
                counted.source
            ),
            Err(missing) => format!("the errors of {} have no data: {missing}", self.0.requests),
        }
    }

    fn table(&self) -> Table {
        Table::line(self.text())
    }

    fn json(&self) -> Value {
        let (what, name) = &self.0.of;
        let base = json!({ *what: name, "span": self.0.span.to_string() });
        let rest = match &self.0.counted {
            Ok(counted) => {
                json!({ "requests": counted.total.round(), "errors": counted.errors.round(), "rate": counted.rate(), "source": counted.source })
            }
            Err(missing) => json!({ "missing": missing.to_string() }),
        };
        merged(base, rest)
    }

    fn same(&self, other: &Self) -> Result<bool, Failure> {
        Ok(self.counted()? == other.counted()?)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::host::tests::graph_core;

    fn counted(total: f64, errors: f64) -> Counted {
        Counted { total, errors, source: "test" }
    }

    #[test]
    fn worse_is_more_than_chance_and_more_than_a_trifle() {
        assert!(not_worse(counted(1000.0, 0.0), counted(1000.0, 500.0)), "better is not worse");
        assert!(not_worse(counted(100_000.0, 400.0), counted(100_000.0, 0.0)), "0.4 per cent is a trifle");
        assert!(!not_worse(counted(100_000.0, 600.0), counted(100_000.0, 0.0)), "0.6 per cent of many is not");
        assert!(not_worse(counted(10.0, 1.0), counted(10.0, 0.0)), "one in ten may be chance");
        assert!(!not_worse(counted(1000.0, 100.0), counted(1000.0, 10.0)));
        assert!(!not_worse(counted(50.0, 50.0), counted(1000.0, 0.0)));
    }

    #[test]
    fn no_requests_are_no_data() {
        let span = "1m".parse().expect("a span");
        let errors = Errors::new(graph_core(), span, Ok(counted(0.0, 0.0)));
        assert!(errors.missing().is_some());
        assert!(errors.counted().expect_err("no data").is_no_data());
    }

    proptest! {
        #[test]
        fn what_got_better_is_never_worse(total in 1.0..1e9_f64, then in 0.0..1.0_f64, gain in 0.0..1.0_f64) {
            prop_assert!(not_worse(counted(total, total * then * gain), counted(total, total * then)));
        }
    }
}
