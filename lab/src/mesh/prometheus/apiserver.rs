//! What the API server says of itself: how long its requests take.

use std::time::Duration;

use jiff::Timestamp;

use super::tsdb::Labels;
use super::{Prometheus, State};

/// Bucket bounds of `apiserver_request_duration_seconds` (`k8s.io/apiserver/pkg/endpoints/metrics`).
const BOUNDS: [&str; 23] = [
    "0.005", "0.025", "0.05", "0.1", "0.2", "0.4", "0.6", "0.8", "1", "1.25", "1.5", "2", "3", "4", "5", "6", "8",
    "10", "15", "20", "30", "45", "60",
];
const VERBS: [&str; 2] = ["GET", "LIST"];
/// Requests each second of each verb.
const RATE: f64 = 20.0;
/// What a request takes where nothing is wrong.
const USUAL: Duration = Duration::from_millis(12);

/// The server's counters and their series.
#[derive(Default)]
pub struct ApiServer {
    /// Series of each verb: the buckets, `+Inf`, count and sum.
    series: Vec<Vec<usize>>,
    buckets: [f64; 24],
    sum: f64,
    last: Option<Timestamp>,
}

impl Prometheus {
    /// Scrapes the API server.
    pub(super) fn scrape_api_server(&mut self, state: &State, now: Timestamp) {
        let mut server = std::mem::take(&mut self.api_server);
        let since = server.last.unwrap_or(state.began);
        let passed = (now.as_millisecond() - since.as_millisecond()).max(0) as f64 / 1000.0;
        let takes = state.slow_api.map_or(USUAL, |(_, latency)| latency).as_secs_f64();
        for (place, bound) in BOUNDS.iter().enumerate() {
            if bound.parse::<f64>().is_ok_and(|bound| takes <= bound) {
                server.buckets[place] += RATE * passed;
            }
        }
        server.buckets[BOUNDS.len()] += RATE * passed;
        server.sum += RATE * passed * takes;
        server.last = Some(now);
        if server.series.is_empty() {
            server.series = VERBS.iter().map(|verb| self.api_server_series(verb)).collect();
        }
        let total = server.buckets[BOUNDS.len()];
        let values: Vec<f64> = server.buckets.iter().copied().chain([total, server.sum]).collect();
        for series in &server.series {
            for (id, value) in series.iter().zip(&values) {
                self.database.append(*id, now.as_millisecond(), *value);
            }
        }
        self.api_server = server;
    }

    fn api_server_series(&mut self, verb: &str) -> Vec<usize> {
        let labels = |name: &str, bound: Option<&str>| {
            let mut labels = Labels::new();
            for (key, value) in [
                ("__name__", name),
                ("job", "kubernetes-apiservers"),
                ("component", "apiserver"),
                ("instance", "10.96.0.1:6443"),
                ("resource", "pods"),
                ("scope", "cluster"),
                ("verb", verb),
            ] {
                labels.insert(key.into(), value.into());
            }
            if let Some(bound) = bound {
                labels.insert("le".into(), bound.into());
            }
            labels
        };
        const NAME: &str = "apiserver_request_duration_seconds";
        let bounds = BOUNDS.into_iter().chain(["+Inf"]);
        let mut all: Vec<usize> =
            bounds.map(|bound| self.database.series(labels(&format!("{NAME}_bucket"), Some(bound)))).collect();
        all.push(self.database.series(labels(&format!("{NAME}_count"), None)));
        all.push(self.database.series(labels(&format!("{NAME}_sum"), None)));
        all
    }
}
