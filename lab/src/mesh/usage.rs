//! What pods use of CPU and memory at present, as a metrics server tells it.

use crate::api::PodUsage;
use crate::mesh::State;

use jiff::Timestamp;

/// CPU time of a proxy for one request (s): <https://istio.io/latest/docs/ops/deployment/performance-and-scalability/>
/// gives 0.2 cores for a thousand requests a second.
const PROXY_WORK: f64 = 0.000_2;
/// What a process uses that has nothing to do, in cores.
const IDLE: f64 = 0.002;
/// The memory of an application; the lab knows nothing that makes it grow.
const APPLICATION: u64 = 32 << 20;

impl State {
    /// What each pod uses that serves requests; `None` where nothing measures it.
    pub(crate) fn usage(&self, now: Timestamp) -> Option<Vec<PodUsage>> {
        if !self.spec.telemetry.metrics_api {
            return None;
        }
        let measured = self.traffic.servers.iter().filter(|server| self.pods.contains_key(&server.pod));
        let usage = measured.map(|server| {
            let mut containers = vec![("app".to_owned(), server.busy(), APPLICATION)];
            if self.proxies.contains_key(&server.pod) {
                let proxy = IDLE + server.arrivals * PROXY_WORK;
                containers.push(("istio-proxy".to_owned(), proxy, self.memory(&server.pod, now).working_set));
            }
            PodUsage { namespace: server.pod.0.clone(), pod: server.pod.1.clone(), containers }
        });
        Some(usage.collect())
    }
}
