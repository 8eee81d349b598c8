//! Prometheus: queries, and the pages of its API that are none.

pub mod durations;
pub mod envelope;
pub mod matchers;

use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;

use super::config::PrometheusConfig;
use super::kubernetes::Query;
use super::port_forward::Forwards;
use super::server::Server;
use super::source::{Answer, PROMETHEUS, Source};
use crate::failure::Failure;
use crate::value::Span;

/// When a query is evaluated.
#[derive(Clone, Copy, Debug)]
pub(super) enum When {
    /// Once; `None` is Prometheus' own present.
    At(Option<Timestamp>),
    /// From, to, and at which distance.
    Range(Timestamp, Timestamp, Duration),
}

/// The Prometheus of one context.
pub(super) struct Prometheus {
    config: PrometheusConfig,
    source: Source,
}

impl Prometheus {
    /// As configured. Nothing is sent before the first query.
    pub(super) fn new(config: PrometheusConfig) -> Self {
        Prometheus { source: Source::new(&PROMETHEUS, config.source.clone()), config }
    }

    /// Evaluates a query. The answer is the `data` of Prometheus' envelope.
    pub(super) async fn query(
        &self,
        server: &Server,
        forwards: &Forwards,
        query: &str,
        when: When,
    ) -> Result<Value, Failure> {
        let query = matchers::fixed(query, &self.config.matchers)?;
        let mut parameters = Query::default();
        parameters.add("query", Some(&query));
        let path = match when {
            When::At(at) => {
                parameters.add("time", at.map(seconds).as_deref());
                "/api/v1/query"
            }
            When::Range(start, end, step) => {
                parameters.add("start", Some(&seconds(start)));
                parameters.add("end", Some(&seconds(end)));
                parameters.add("step", Some(&step.as_secs_f64().to_string()));
                "/api/v1/query_range"
            }
        };
        parameters.add("lookback_delta", self.config.max_staleness.map(|age| Span(age).to_string()).as_deref());
        // Thanos answers from the stores that it can reach unless told otherwise; a proof must not stand on a part. Prometheus ignores it.
        parameters.add("partial_response", Some("false"));

        self.ask(server, forwards, path, &parameters, &format!("the query `{query}`")).await
    }

    /// A page below `/api/v1/` that is no query: `rules`, `alerts`, `targets`. The answer is its `data`.
    pub(super) async fn page(
        &self,
        server: &Server,
        forwards: &Forwards,
        page: &str,
        given: &[(String, String)],
    ) -> Result<Value, Failure> {
        self.ask(server, forwards, &format!("/api/v1/{page}"), &Query::of(given), &format!("`{page}`")).await
    }

    /// `data` of the answer.
    async fn ask(
        &self,
        server: &Server,
        forwards: &Forwards,
        path: &str,
        parameters: &Query,
        what: &str,
    ) -> Result<Value, Failure> {
        let read = |answer: &Answer| envelope::data(answer.status, &answer.body, what, &answer.place);
        self.source.ask(server, forwards, path, parameters, read).await
    }
}

/// A time as Prometheus takes it: seconds since 1970 with their fraction.
fn seconds(at: Timestamp) -> String {
    let milliseconds = at.as_millisecond();
    format!(
        "{}{}.{:03}",
        if milliseconds < 0 { "-" } else { "" },
        milliseconds.unsigned_abs() / 1000,
        milliseconds.unsigned_abs() % 1000
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_with_milliseconds() {
        let time = |milliseconds| seconds(Timestamp::from_millisecond(milliseconds).expect("a time in range"));
        assert_eq!(
            (time(1_767_603_600_250).as_str(), time(5).as_str(), time(-1_500).as_str()),
            ("1767603600.250", "0.005", "-1.500")
        );
    }
}
