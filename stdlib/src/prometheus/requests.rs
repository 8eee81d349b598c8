//! Istio's standard metric `istio_requests_total`, as evidence of what happened to requests of one host.
//!
//! Source: Istio's standard metrics. `reporter="source"` is counted by the caller's proxy, `reporter="destination"` by the
//! server's. A refusal is `response_flags` with `UO`. The query is a range selector, so Prometheus answers with its own
//! samples and their times: two scrapes are the two reads of an increase, and nothing has to be waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use meshbook_runtime::value::{Missing, Span};

use super::{Series, quote};
use crate::evidence::window::{Seen, over};

/// How much further back than the span is looked, for the base of the increase: two scrapes of a minute.
const BACK: Duration = Duration::from_secs(120);

/// Which side of a request counted it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Reporter {
    /// The caller's proxy.
    Source,
    /// The server's proxy.
    Destination,
}

impl Reporter {
    fn label(self) -> &'static str {
        match self {
            Reporter::Source => "source",
            Reporter::Destination => "destination",
        }
    }
}

/// Who counted: a workload, and its pod where the scrape configuration keeps that label.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Counted {
    /// Cluster of the caller.
    pub source_cluster: String,
    /// Namespace of the calling workload.
    pub source_namespace: String,
    /// The calling workload.
    pub source_workload: String,
    /// The pod whose proxy counted; empty if the label is not kept.
    pub pod: String,
}

/// What happened to requests in a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Answers {
    /// All requests.
    pub total: f64,
    /// Those with flag `UO`.
    pub refused: f64,
    /// Answers of 500 to 599, and requests without an answer.
    pub errors: f64,
    /// By flags and code, for example `("UH", "503")`; flags `-` is the application's own answer.
    pub by_flags: BTreeMap<(String, String), f64>,
}

impl Answers {
    /// Adds another's figures.
    pub fn add(&mut self, other: &Answers) {
        self.total += other.total;
        self.refused += other.refused;
        self.errors += other.errors;
        for (key, count) in &other.by_flags {
            *self.by_flags.entry(key.clone()).or_default() += count;
        }
    }
}

/// What the telemetry of one host says about a window.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Requests {
    series: Vec<Series>,
    start: f64,
    end: f64,
}

/// The query for a host's requests over a span, as raw samples.
pub fn query(fqdn: &str, span: Span) -> String {
    format!("istio_requests_total{{destination_service={}}}[{}]", quote(fqdn), Span(span.0 + BACK))
}

impl Requests {
    /// What the series say about the span that ends at `end`, in seconds since 1970.
    pub fn new(series: Vec<Series>, span: Span, end: f64) -> Self {
        Requests { series, start: end - span.0.as_secs_f64(), end }
    }

    /// Whether there is any series of the host at all.
    pub fn is_empty(&self) -> bool {
        self.series.is_empty()
    }

    fn by(&self, reporter: Reporter) -> impl Iterator<Item = &Series> {
        self.series.iter().filter(move |series| series.label("reporter") == reporter.label())
    }

    /// What one side counted in the window, by who counted it.
    ///
    /// # Errors
    /// When this side's proxies export nothing of the host, without flags, or nothing new inside the window.
    pub fn seen_by(&self, reporter: Reporter) -> Result<BTreeMap<Counted, Answers>, Missing> {
        let what = format!("istio_requests_total with reporter={:?}", reporter.label());
        if self.by(reporter).next().is_none() {
            return Err(Missing::NotExported(format!("{what} has no series of this host")));
        }
        if self.by(reporter).all(|series| series.label("response_flags").is_empty()) {
            return Err(Missing::NotExported(format!("{what} has no label response_flags")));
        }
        let history = self.by(reporter).any(|series| series.samples.first().is_some_and(|(at, _)| *at <= self.start));
        let (mut counted, mut fresh) = (BTreeMap::<Counted, Answers>::new(), false);
        for series in self.by(reporter) {
            let by = match over(&series.samples, self.start, self.end, history) {
                Seen::Increase(by) => by,
                Seen::Stale => continue,
            };
            fresh = true;
            let answers = counted.entry(who(series)).or_default();
            answers.add(&answers_of(series, by));
        }
        if fresh {
            Ok(counted)
        } else {
            Err(Missing::Stale(format!("{what} was not scraped in the last {:.0} s", self.end - self.start)))
        }
    }

    /// The callers that any series names, with those that sent nothing in the window: cluster, namespace, workload.
    pub fn callers(&self) -> BTreeSet<(String, String, String)> {
        let known = |value: &str| if value == "unknown" { String::new() } else { value.to_owned() };
        self.series
            .iter()
            .map(|series| {
                (
                    known(series.label("source_cluster")),
                    known(series.label("source_workload_namespace")),
                    known(series.label("source_workload")),
                )
            })
            .filter(|(_, _, workload)| !workload.is_empty())
            .collect()
    }

    /// The clusters whose servers counted requests: this one, as its own proxies name it.
    pub fn clusters(&self) -> BTreeSet<&str> {
        let labels = self.by(Reporter::Destination).map(|series| series.label("destination_cluster"));
        labels.filter(|cluster| !matches!(*cluster, "" | "unknown")).collect()
    }

    /// Requests of a workload that servers counted as carried by mutual TLS, in the window.
    pub fn by_mutual_tls(&self, namespace: &str, workload: &str) -> f64 {
        let own = self.by(Reporter::Destination).filter(|series| {
            series.label("connection_security_policy") == "mutual_tls"
                && series.label("source_workload") == workload
                && series.label("source_workload_namespace") == namespace
        });
        own.filter_map(|series| match over(&series.samples, self.start, self.end, true) {
            Seen::Increase(by) => Some(by),
            Seen::Stale => None,
        })
        .sum()
    }

    /// Requests that servers counted and whose caller has no identity: no sidecar, or plain text.
    pub fn from_unknown(&self) -> bool {
        self.by(Reporter::Destination).any(|series| matches!(series.label("source_workload"), "" | "unknown"))
    }
}

fn who(series: &Series) -> Counted {
    let pod = ["pod", "kubernetes_pod_name", "pod_name"]
        .into_iter()
        .map(|label| series.label(label))
        .find(|pod| !pod.is_empty());
    Counted {
        source_cluster: series.label("source_cluster").to_owned(),
        source_namespace: series.label("source_workload_namespace").to_owned(),
        source_workload: series.label("source_workload").to_owned(),
        pod: pod.unwrap_or_default().to_owned(),
    }
}

fn answers_of(series: &Series, by: f64) -> Answers {
    let (flags, code) = (series.label("response_flags"), series.label("response_code"));
    let is_error = code.starts_with('5') || code == "0";
    Answers {
        total: by,
        refused: if has_flag(flags, "UO") { by } else { 0.0 },
        errors: if is_error { by } else { 0.0 },
        by_flags: if by > 0.0 { BTreeMap::from([((flags.to_owned(), code.to_owned()), by)]) } else { BTreeMap::new() },
    }
}

/// Whether flags such as `URX,UF` contain one.
pub fn has_flag(flags: &str, flag: &str) -> bool {
    flags.split(',').any(|set| set.trim() == flag)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(labels: &[(&str, &str)], samples: &[super::super::Sample]) -> Series {
        Series {
            labels: labels.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            samples: samples.to_vec(),
        }
    }

    fn span(text: &str) -> Span {
        text.parse().expect("a span")
    }

    fn front(flags: &str, code: &str, samples: &[super::super::Sample]) -> Series {
        series(
            &[
                ("reporter", "source"),
                ("source_workload", "front"),
                ("source_workload_namespace", "summit"),
                ("pod", "front-1"),
                ("response_flags", flags),
                ("response_code", code),
            ],
            samples,
        )
    }

    #[test]
    fn the_query_quotes_its_host() {
        assert_eq!(query("a\"b", span("30s")), r#"istio_requests_total{destination_service="a\"b"}[2m30s]"#);
    }

    #[test]
    fn refusals_are_an_increase_by_who_counted_them() {
        let requests = Requests::new(
            vec![
                front("UO", "503", &[(0.0, 10.0), (70.0, 10.0), (90.0, 40.0)]),
                front("-", "200", &[(0.0, 5.0), (90.0, 9.0)]),
            ],
            span("30s"),
            100.0,
        );
        let seen = requests.seen_by(Reporter::Source).expect("series of callers");
        let (who, answers) = seen.first_key_value().expect("one caller");
        assert_eq!((who.source_workload.as_str(), who.pod.as_str()), ("front", "front-1"));
        assert_eq!((answers.refused, answers.total, answers.errors), (30.0, 34.0, 30.0));
        assert!(matches!(requests.seen_by(Reporter::Destination), Err(Missing::NotExported(_))));
        assert_eq!(requests.callers().len(), 1);
    }

    #[test]
    fn a_host_without_refusals_has_none_and_a_host_without_series_is_not_exported() {
        let quiet = Requests::new(vec![front("-", "200", &[(0.0, 5.0), (90.0, 9.0)])], span("30s"), 100.0);
        assert_eq!(quiet.seen_by(Reporter::Source).expect("series").values().map(|a| a.refused).sum::<f64>(), 0.0);
        let nothing = Requests::new(vec![], span("30s"), 100.0);
        assert!(nothing.is_empty() && matches!(nothing.seen_by(Reporter::Source), Err(Missing::NotExported(_))));
    }

    #[test]
    fn flags_that_are_not_kept_are_not_zero_refusals() {
        let bare = series(&[("reporter", "source"), ("response_code", "503")], &[(0.0, 1.0), (90.0, 9.0)]);
        assert!(matches!(
            Requests::new(vec![bare], span("30s"), 100.0).seen_by(Reporter::Source),
            Err(Missing::NotExported(_))
        ));
    }

    #[test]
    fn without_a_new_scrape_it_is_stale() {
        let old = Requests::new(vec![front("UO", "503", &[(0.0, 10.0), (40.0, 40.0)])], span("30s"), 100.0);
        assert!(matches!(old.seen_by(Reporter::Source), Err(Missing::Stale(_))));
    }

    #[test]
    fn a_restarted_proxy_counts_from_zero() {
        let reset =
            Requests::new(vec![front("UO", "503", &[(60.0, 1000.0), (80.0, 7.0), (95.0, 9.0)])], span("30s"), 100.0);
        assert_eq!(reset.seen_by(Reporter::Source).expect("series").values().next().expect("one").refused, 9.0);
    }

    #[test]
    fn flags_are_told_apart_as_words() {
        assert!(has_flag("URX,UF", "UF") && has_flag("UO", "UO"));
        assert!(!has_flag("UOX", "UO") && !has_flag("-", "UO"));
    }
}
