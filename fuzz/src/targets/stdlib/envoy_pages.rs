//! Envoy's admin pages: `/config_dump`, `/clusters?format=json`, `/stats?format=json`, `/server_info`, `/memory`.
//!
//! Beyond "no panic": every figure is a number that is not negative, and a statistic that is read is one that the page
//! names.

use meshbook_stdlib::control_plane::connection;
use meshbook_stdlib::envoy::transport::Transport;
use meshbook_stdlib::envoy::{clusters, config_dump, dump, memory, secrets, server_info, stats};
use meshbook_stdlib::memory::envoy::Envoy;
use serde_json::Value;

/// The input is a page.
pub fn run(page: &str) {
    for cluster in config_dump::parse(page).into_iter().flatten() {
        let _ = (cluster.concerns(&cluster.name.host, &[8080]), cluster.limits.places(), cluster.limits.to_string());
    }
    for cluster in clusters::parse(page).into_iter().flatten() {
        let (answered, failed) = cluster.answered();
        for figure in [answered, failed, cluster.open()] {
            assert!(figure >= 0.0, "{cluster:?}");
        }
        let _ = cluster.is_used();
    }
    if let Ok(stats) = stats::Stats::parse(page) {
        for cluster in stats.clusters() {
            assert!(stats.refused(cluster).is_none_or(|count| count >= 0.0), "{cluster}");
        }
    }
    if let Ok(dump) = dump::parse(page) {
        let counted: usize = ["cluster", "listener", "route"].iter().map(|kind| dump.count(kind)).sum();
        assert_eq!(counted, dump.resources.len());
    }
    if let Ok(bytes) = memory::parse(page) {
        assert!(bytes > 0.0);
    }
    if let Ok(envoy) = Envoy::parse(page) {
        assert!(envoy.idle() >= 0.0, "{envoy:?}");
    }
    let _ = (secrets::Secrets::parse(page), server_info::parse(page), connection::parse(page));
    if let Ok(cluster) = serde_json::from_str::<Value>(page) {
        let _ = Transport::of(&cluster);
    }
}
