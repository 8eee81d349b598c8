//! Causes of latency that a world can hold: calls to other services, a CPU limit, pods that err.

use serde::{Deserialize, Serialize};

use super::span::Span;

/// A service that an application asks before it answers. Its time is part of the answer's.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dependency {
    /// Host and port as the application writes them, such as `store.summit:8080`.
    pub to: String,
    /// Requests to it for each request that is answered, one after the other.
    #[serde(default = "once")]
    pub times: f64,
    /// The path of these requests.
    #[serde(default = "root")]
    pub path: String,
}

fn once() -> f64 {
    1.0
}
fn root() -> String {
    "/".into()
}

/// A CPU limit that an application's requests exceed while they run.
///
/// The kernel gives a container `limit` × 100 ms of CPU in each period of 100 ms (CFS bandwidth control,
/// `Documentation/scheduler/sched-bwc.rst`). A request that needs more is stopped until the next period.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CpuLimit {
    /// The limit in thousandths of a core; below 1000, because the lab's requests use one thread each.
    pub milli: u32,
    /// CPU time of one request. Its `service_time` is what it takes besides.
    pub time: Span,
}

/// Pods of a workload that answer with errors until they are replaced.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Faulty {
    /// How many, the first of those that the world begins with.
    pub pods: usize,
    /// Share of their requests (0 to 1) that they answer with the workload's `error_code`.
    pub error_rate: f64,
}

/// What becomes of a workload's pods whose sidecar one revision of Istio has injected.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnderRevision {
    /// The revision.
    pub revision: String,
    /// Share of requests (0 to 1) that such a pod answers with the workload's `error_code`.
    #[serde(default)]
    pub error_rate: f64,
    /// Whether such a pod never becomes ready.
    #[serde(default)]
    pub never_ready: bool,
}
