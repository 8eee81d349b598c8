//! The sources of evidence, best first.

use std::fmt;

/// Where a figure is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Source {
    /// `istio_requests_total` in Prometheus.
    Telemetry,
    /// Envoy's own counters, by its admin port.
    Statistics,
    /// The proxy's access log.
    AccessLog,
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Source::Telemetry => "Prometheus: istio_requests_total, flag UO",
            Source::Statistics => "Envoy: upstream_rq_pending_overflow + upstream_rq_active_overflow",
            Source::AccessLog => "access log: flag UO",
        })
    }
}
