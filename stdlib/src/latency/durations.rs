//! How long requests took, from Istio's standard histogram `istio_request_duration_milliseconds`.
//!
//! Source: <https://istio.io/latest/docs/reference/config/metrics/>. `reporter="source"` is the caller's proxy: from the
//! request's arrival there to the end of the answer, all attempts and waits included. `reporter="destination"` is the
//! server's proxy, once for each attempt that reached it. Both are sums of milliseconds.

use std::collections::BTreeMap;

use meshbook_runtime::effect::{Call, Effect};
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};

use crate::host::Host;
use crate::prometheus::{self, Series, quote};

/// Requests, and the seconds that they took together.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Timed {
    /// Requests.
    pub count: f64,
    /// Seconds.
    pub seconds: f64,
}

impl Timed {
    /// The mean in seconds.
    pub fn mean(self) -> f64 {
        self.seconds / self.count
    }

    fn add(&mut self, other: Timed) {
        self.count += other.count;
        self.seconds += other.seconds;
    }
}

/// What both sides of the requests to a host timed, for callers that both sides know.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Sides {
    /// By the callers' proxies.
    pub source: Timed,
    /// By the server's proxies.
    pub destination: Timed,
}

const SUM: &str = "istio_request_duration_milliseconds_sum";
const COUNT: &str = "istio_request_duration_milliseconds_count";

/// Who called, as both sides name it.
const CALLER: &str = "source_cluster, source_workload_namespace, source_workload";

/// Both sides of the requests to a host over a span.
///
/// # Errors
/// What a script may not handle; a side that exports nothing is missing instead.
pub fn sides(run: &Run, host: &Host, span: Span) -> Result<Result<Sides, Missing>, Failure> {
    let query = |name: &str| {
        format!("sum by (reporter, {CALLER}) (increase({name}{{destination_service={}}}[{span}]))", quote(host.fqdn()))
    };
    let what = format!("times of requests to {} over {span}", host.text());
    Ok(pair(run, &what, [query(SUM), query(COUNT)])?.and_then(|(sums, counts)| joined(host, &sums, &counts)))
}

/// The requests that a workload's own proxies sent over a span, by destination.
///
/// # Errors
/// As [`sides`].
pub fn sent(
    run: &Run,
    namespace: &str,
    workloads: &[String],
    span: Span,
) -> Result<Result<BTreeMap<String, Timed>, Missing>, Failure> {
    let names: Vec<_> = workloads.iter().map(|name| regex::escape(name)).collect();
    let query = |name: &str| {
        format!(
            "sum by (destination_service) (increase({name}{{reporter=\"source\",source_workload_namespace={},source_workload=~{}}}[{span}]))",
            quote(namespace),
            quote(&names.join("|"))
        )
    };
    let what = format!("times of what {} asks over {span}", workloads.join(", "));
    Ok(pair(run, &what, [query(SUM), query(COUNT)])?.map(|(sums, counts)| {
        let key = |series: &Series| series.label("destination_service").to_owned();
        timed(&sums, &counts, key).into_iter().filter(|(_, timed)| timed.count > 0.0).collect()
    }))
}

/// Retries as Envoy counts them (`upstream_rq_retry`), where proxies export that and Prometheus scrapes it.
///
/// # Errors
/// What a script may not handle.
pub fn counted_retries(run: &Run, host: &Host, span: Span) -> Result<Option<f64>, Failure> {
    let clusters = format!("outbound[|][0-9]+[|][^|]*[|]{};?", regex::escape(host.fqdn()));
    let query = format!("sum(increase(envoy_cluster_upstream_rq_retry{{cluster_name=~{}}}[{span}]))", quote(&clusters));
    let answer = prometheus::ask(run, &format!("retries to {} over {span}", host.text()), query)?;
    let value = answer.ok().and_then(|series| series.first().and_then(Series::last)).map(|(_, value)| value);
    Ok(value.filter(|value| value.is_finite()))
}

type Two = (Vec<Series>, Vec<Series>);

fn pair(run: &Run, what: &str, queries: [String; 2]) -> Result<Result<Two, Missing>, Failure> {
    let effect = |query| Effect::read("Prometheus", what, Call::Query { query, at: None });
    let mut replies = run.read_all(queries.map(effect).into()).into_iter();
    let mut next = || prometheus::answer(replies.next().expect("each effect is answered"));
    let (sums, counts) = (next()?, next()?);
    Ok(sums.and_then(|sums| Ok((sums, counts?))))
}

fn timed<K: Ord>(sums: &[Series], counts: &[Series], key: impl Fn(&Series) -> K) -> BTreeMap<K, Timed> {
    let mut all = BTreeMap::<K, Timed>::new();
    let value = |series: &Series| series.last().map_or(0.0, |(_, value)| if value.is_finite() { value } else { 0.0 });
    for series in counts {
        all.entry(key(series)).or_default().count += value(series);
    }
    for series in sums {
        all.entry(key(series)).or_default().seconds += value(series) / 1000.0;
    }
    all
}

/// Joins the sides by caller. A caller without a sidecar is counted by the server alone, one of another cluster too:
/// nobody here knows how long it waited, so it says nothing of where the time goes.
fn joined(host: &Host, sums: &[Series], counts: &[Series]) -> Result<Sides, Missing> {
    let label = |series: &Series, name: &str| series.label(name).to_owned();
    let key = |series: &Series| {
        let caller = ["source_cluster", "source_workload_namespace", "source_workload"].map(|name| label(series, name));
        (label(series, "reporter"), caller)
    };
    let all = timed(sums, counts, key);
    let callers = all.keys().filter(|(reporter, _)| reporter == "source").map(|(_, caller)| caller);
    let mut sides = Sides::default();
    for caller in callers {
        let of = |reporter: &str| all.get(&(reporter.to_owned(), caller.clone())).copied().unwrap_or_default();
        // What one side alone counted would stand against nothing.
        if of("destination").count > 0.0 {
            sides.source.add(of("source"));
            sides.destination.add(of("destination"));
        }
    }
    let of_side = |reporter: &str| all.iter().any(|((side, _), timed)| side == reporter && timed.count > 0.0);
    let host = host.text();
    match (of_side("source"), of_side("destination")) {
        (true, true) if sides.source.count > 0.0 => Ok(sides),
        (true, true) => Err(Missing::NoSeries(format!(
            "the callers of {host} that their own proxies report and those that its proxies report are not the same"
        ))),
        (false, false) => Err(Missing::NoSeries(format!("no request to {host} was timed ({COUNT})"))),
        (true, false) => Err(Missing::NotExported(format!(
            "the proxies of {host} report nothing ({COUNT} with reporter=\"destination\"): its own work and its callers' waiting cannot be told apart"
        ))),
        (false, true) => Err(Missing::NotExported(format!(
            "the callers of {host} report nothing ({COUNT} with reporter=\"source\"): what they wait for cannot be seen"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::tests::graph_core;

    fn series(reporter: &str, workload: &str, value: f64) -> Series {
        let labels = [("reporter", reporter), ("source_workload", workload), ("source_workload_namespace", "summit")];
        Series {
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            samples: vec![(0.0, value)],
        }
    }

    #[test]
    fn callers_that_one_side_does_not_know_are_left_out() {
        let counts = [
            series("source", "front", 10.0),
            series("destination", "front", 30.0),
            series("destination", "unknown", 500.0),
            series("source", "refused", 70.0),
        ];
        let sums = [series("source", "front", 40_000.0), series("destination", "front", 12_000.0)];
        let sides = joined(&graph_core(), &sums, &counts).expect("both sides");
        assert_eq!(sides.source, Timed { count: 10.0, seconds: 40.0 });
        assert_eq!(sides.destination.count, 30.0);
        assert!((sides.destination.mean() - 0.4).abs() < 1e-9);
    }

    #[test]
    fn a_side_that_is_silent_is_missing_and_not_nothing() {
        let source = [series("source", "front", 10.0)];
        let destination = [series("destination", "front", 10.0)];
        for (counts, says) in [(&source[..], "destination"), (&destination[..], "source"), (&[][..], "no request")] {
            let missing = joined(&graph_core(), &[], counts).expect_err("one side");
            assert!(missing.to_string().contains(says), "{missing}");
        }
    }
}
