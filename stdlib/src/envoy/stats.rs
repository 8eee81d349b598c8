//! Envoy's `/stats?format=json`: counters and gauges of clusters.
//!
//! `{"stats":[{"name":…,"value":…},…,{"histograms":…}]}`. Istio ends the cluster's part of a name with `;`:
//! `cluster.outbound|8080||graph-core.summit.svc.cluster.local;.upstream_rq_total`. Other Envoys have no `;` there.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{ClusterName, counter};

/// Requests refused because too many were waiting for a connection, or, in older Envoys, open.
pub const PENDING_OVERFLOW: &str = "upstream_rq_pending_overflow";
/// Requests refused because too many were open (`max_requests`); Envoy 1.38 and newer.
pub const ACTIVE_OVERFLOW: &str = "upstream_rq_active_overflow";
/// Answers of 500 to 599, those that Envoy itself made included.
pub const ANSWERS_5XX: &str = "upstream_rq_5xx";
/// Requests sent.
pub const REQUESTS: &str = "upstream_rq_total";

/// Statistics by cluster and name. What Istio does not export is absent, which is not zero.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Stats(BTreeMap<ClusterName, BTreeMap<String, f64>>);

impl Stats {
    /// Reads the page; other clusters than Istio's, text readouts and histograms are left out.
    ///
    /// # Errors
    /// A sentence that says why the page is none.
    pub fn parse(page: &str) -> Result<Self, String> {
        let page: Value =
            serde_json::from_str(page).map_err(|error| format!("its /stats page is not JSON: {error}"))?;
        let stats = page.get("stats").and_then(Value::as_array).ok_or("its /stats page has no `stats`")?;
        let mut read = Stats::default();
        for stat in stats {
            let name = stat.get("name").and_then(Value::as_str).and_then(split);
            if let (Some((cluster, name)), Some(value)) = (name, stat.get("value").and_then(counter)) {
                read.0.entry(cluster).or_default().insert(name.to_owned(), value);
            }
        }
        Ok(read)
    }

    /// The clusters that have any statistic.
    pub fn clusters(&self) -> impl Iterator<Item = &ClusterName> {
        self.0.keys()
    }

    /// One statistic; `None` if it is not exported.
    pub fn get(&self, cluster: &ClusterName, name: &str) -> Option<f64> {
        self.0.get(cluster)?.get(name).copied()
    }

    /// Requests that a circuit breaker of the cluster refused: both of Envoy's counters. `upstream_cx_overflow` is
    /// none: it says that a connection was not opened and the request waited. `None` if neither is exported.
    pub fn refused(&self, cluster: &ClusterName) -> Option<f64> {
        match (self.get(cluster, PENDING_OVERFLOW), self.get(cluster, ACTIVE_OVERFLOW)) {
            (None, None) => None,
            (pending, active) => Some(pending.unwrap_or(0.0) + active.unwrap_or(0.0)),
        }
    }
}

/// Splits `cluster.CLUSTER;.STATISTIC`, or without `;` before the last dot.
fn split(name: &str) -> Option<(ClusterName, &str)> {
    let rest = name.strip_prefix("cluster.")?;
    let (cluster, statistic) = rest.split_once(";.").or_else(|| rest.rsplit_once('.'))?;
    Some((ClusterName::parse(cluster)?, statistic))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const EXPORTED: &str = include_str!("../../testdata/istio-1.31/stats.front-stats.json");
    const BY_DEFAULT: &str = include_str!("../../testdata/istio-1.31/stats.front.json");

    fn graph_core() -> ClusterName {
        ClusterName::parse("outbound|8080||graph-core.summit.svc.cluster.local").expect("an Istio name")
    }

    #[test]
    fn refusals_are_the_sum_of_two_counters() {
        let stats = Stats::parse(EXPORTED).expect("a recorded page");
        assert_eq!(stats.refused(&graph_core()), Some(62_072.0 + 23_042.0));
        assert_eq!(stats.get(&graph_core(), ANSWERS_5XX), Some(85_114.0));
        assert_eq!(stats.get(&graph_core(), REQUESTS), Some(74.0));
    }

    #[test]
    fn not_exported_is_not_zero() {
        let stats = Stats::parse(BY_DEFAULT).expect("a recorded page");
        assert_eq!(stats.refused(&graph_core()), None);
        assert_eq!(stats.clusters().count(), 0);
    }

    #[test]
    fn names_without_semicolon_and_large_counters() {
        let page = r#"{"stats":[{"name":"cluster.inbound|8080||.upstream_rq_pending_overflow","value":18446744073709551615},{"histograms":{}}]}"#;
        let stats = Stats::parse(page).expect("a page");
        assert_eq!(
            stats.refused(&ClusterName::parse("inbound|8080||").expect("an Istio name")),
            Some(18_446_744_073_709_551_615.0)
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}", cut in 0..EXPORTED.len()) {
            let _ = Stats::parse(&text);
            prop_assert!(Stats::parse(&EXPORTED[..cut]).is_err());
            let _ = Stats::parse(&format!(r#"{{"stats":[{{"name":"cluster.{}","value":1}}]}}"#, text.replace(['"', '\\'], "")));
        }
    }
}
