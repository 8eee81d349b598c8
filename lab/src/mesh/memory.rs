//! The memory of sidecars: what they need, what the kernel counts, and what it does when a limit is exceeded.
//!
//! Envoy's own figures at rest are those of the recorded proxy (`testdata`, `/memory` and `/stats` of Istio 1.31 with
//! Envoy 1.40): 9.45 MB allocated for 17 clusters, 16.8 MB of heap, 19.9 MB physical. What it needs more for follows
//! from what is known of it: about 44 kB for a cluster with its listener, routes and statistics (a thousand services
//! cost a sidecar some 40 to 50 MB, <https://istio.io/latest/docs/ops/deployment/performance-and-scalability/>), 3 kB
//! for an endpoint, and 50 kB for a connection with TLS on both sides and its buffers
//! (`per_connection_buffer_limit_bytes` is 32 KiB in Istio).
//!
//! What Envoy frees it keeps: its allocator gives pages back to the kernel only when more than 100 MB lie idle
//! (`Memory::Utils::tryShrinkHeap`, source/common/memory/utils.cc). So a smaller configuration shows in `allocated` at
//! once, and in the working set after the next start.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::kubernetes::{PodKey, event, second};
use super::traffic::counters::whole;
use super::{Proxy, State, seed};
use crate::store::{Object, Store};
use crate::world::memory::ProxyMemory;

const MIB: u64 = 1 << 20;
/// Envoy without a cluster of istiod.
const BASE: u64 = 8_700_000;
const OF_CLUSTER: u64 = 44_000;
const OF_ENDPOINT: u64 = 3_000;
const OF_CONNECTION: u64 = 50_000;
/// Free pages and caches of threads that tcmalloc keeps (`pageheap_free` and `total_thread_cache` of the recorded proxy).
const FREE: u64 = 4_022_272;
const CACHES: u64 = 1_862_656;
/// The heap grows by huge pages.
const HUGE_PAGE: u64 = 2 * MIB;
/// Code and stacks: `total_physical_bytes` less `heap_size` of the recorded proxy.
const CODE: u64 = 3_074_878;
/// `pilot-agent`, the Go process beside Envoy in the same container.
const AGENT: u64 = 26 * MIB;
/// What may lie idle before it goes back to the kernel.
const KEPT: u64 = 100 * 1024 * 1024;

/// How long a container that was killed waits, the first time and at most; each time twice as long. A life of ten
/// minutes makes up for all before (`pkg/kubelet/kuberuntime`, `MaxContainerBackOff`).
const BACK_OFF: Duration = Duration::from_secs(10);
const LONGEST_BACK_OFF: Duration = Duration::from_secs(300);
const LONG_LIFE: Duration = Duration::from_secs(600);
/// A container that is started again at once needs this long.
const START: Duration = Duration::from_secs(1);

/// What one sidecar's processes have, in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Memory {
    /// `allocated` of `/memory`.
    pub allocated: u64,
    /// `heap_size`.
    pub heap: u64,
    /// `pageheap_free`.
    pub free: u64,
    /// `total_thread_cache`.
    pub caches: u64,
    /// `total_physical_bytes`.
    pub physical: u64,
    /// `container_memory_working_set_bytes` of the container.
    pub working_set: u64,
    /// `server.total_connections`.
    pub connections: u64,
}

/// Of a sidecar, what the mesh remembers of its memory.
#[derive(Clone, Copy, Debug, Default)]
pub struct Life {
    /// The most that was allocated and not given back since its start.
    kept: u64,
    /// Whether its container was killed and is not started yet.
    pub is_down: bool,
    /// How often it waits twice as long.
    strikes: u32,
}

impl Memory {
    fn new(allocated: u64, kept: u64, connections: u64) -> Memory {
        let kept = if kept.saturating_sub(allocated) > KEPT { allocated } else { kept.max(allocated) };
        let heap = (kept + FREE + CACHES).next_multiple_of(HUGE_PAGE);
        let physical = heap + CODE;
        Memory {
            allocated,
            heap,
            free: heap - allocated - CACHES,
            caches: CACHES,
            physical,
            working_set: physical + AGENT,
            connections,
        }
    }

    fn kept(&self) -> u64 {
        self.heap - FREE - CACHES
    }
}

/// The connections that clients keep open to a pod at some time.
fn idle(of: &ProxyMemory, pod: &str, elapsed: Duration) -> u32 {
    let Some(burst) = of.burst else { return of.connections };
    let every = burst.every.0.as_millis().max(1);
    let shift = u128::from(seed::hash(0, &["burst", pod])) % every;
    let within = (elapsed.as_millis() + shift) % every;
    if within + burst.lasting.0.as_millis() >= every { burst.connections } else { of.connections }
}

impl State {
    /// The memory of a pod's sidecar.
    pub(crate) fn memory(&self, key: &PodKey, now: Timestamp) -> Memory {
        let Some(proxy) = self.proxies.get(key) else { return Memory::default() };
        let server = self.traffic.servers.iter().find(|server| server.pod == *key);
        self.memory_of(key, proxy, server.map_or(0, |server| whole(server.connections)), now)
    }

    fn memory_of(&self, key: &PodKey, proxy: &Proxy, served: u64, now: Timestamp) -> Memory {
        let own = self
            .spec
            .workload
            .iter()
            .find(|one| one.name == proxy.workload && one.namespace.as_ref().unwrap_or(&self.spec.namespace) == &key.0)
            .map(|one| one.memory)
            .unwrap_or_default();
        let clusters = &proxy.config.clusters;
        let endpoints: usize = clusters.values().map(|(cluster, _)| cluster.endpoints.len()).sum();
        let elapsed = |from: Timestamp| Duration::try_from(now.duration_since(from)).unwrap_or_default();
        let connections = served + u64::from(idle(&own, &key.1, elapsed(self.began)));
        let leaked = elapsed(proxy.started).as_millis() * u128::from(own.leak) * 1024 / 60_000;
        let allocated = BASE
            + OF_CLUSTER * clusters.len() as u64
            + OF_ENDPOINT * endpoints as u64
            + OF_CONNECTION * connections
            + u64::try_from(leaked).unwrap_or(u64::MAX / 4);
        Memory::new(allocated, proxy.life.kept, connections)
    }

    /// Counts the memory of every sidecar, and kills those that exceed their limit.
    pub(super) fn account(&mut self, store: &Store, now: Timestamp) {
        let served: BTreeMap<&PodKey, u64> =
            self.traffic.servers.iter().map(|server| (&server.pod, whole(server.connections))).collect();
        let counted: Vec<(PodKey, Memory)> = self
            .proxies
            .iter()
            .filter(|(_, proxy)| !proxy.life.is_down)
            .map(|(key, proxy)| {
                let served = served.get(key).copied().unwrap_or(0);
                (key.clone(), self.memory_of(key, proxy, served, now))
            })
            .collect();
        for (key, memory) in counted {
            let Some(proxy) = self.proxies.get_mut(&key) else { continue };
            proxy.life.kept = memory.kept();
            if limit(&proxy.pod).is_some_and(|limit| memory.working_set > limit) {
                self.kill(store, &key, now);
            }
        }
    }

    /// When the next container is started again.
    pub(super) fn next_restart(&self) -> Option<Timestamp> {
        self.restarts.values().min().copied()
    }

    fn kill(&mut self, store: &Store, key: &PodKey, now: Timestamp) {
        let Some(proxy) = self.proxies.get_mut(key) else { return };
        let Some(pod) = store.get("", "pods", &key.0, &key.1) else { return };
        let life = Duration::try_from(now.duration_since(proxy.started)).unwrap_or_default();
        let strikes = if life >= LONG_LIFE { 0 } else { proxy.life.strikes };
        let wait = match strikes {
            0 => START,
            strikes => (BACK_OFF * (1 << (strikes - 1).min(5))).min(LONGEST_BACK_OFF),
        };
        proxy.life = Life { kept: 0, is_down: true, strikes: strikes + 1 };
        self.restarts.insert(key.clone(), now + wait);
        let message = format!(
            "back-off {}s restarting failed container=istio-proxy pod={}_{}({})",
            wait.as_secs(),
            key.1,
            key.0,
            pod["metadata"]["uid"].as_str().unwrap_or_default()
        );
        let ended = json!({
            "exitCode": 137, "reason": "OOMKilled", "startedAt": second(proxy.started), "finishedAt": second(now),
            "containerID": format!("containerd://{:016x}", seed::hash(u64::from(strikes), &[&key.1, "istio-proxy"])),
        });
        self.set_sidecar(store, key, &pod, now, |status| {
            status["ready"] = json!(false);
            status["started"] = json!(false);
            status["state"] = json!({"waiting": {"reason": "CrashLoopBackOff", "message": message}});
            status["lastState"] = json!({"terminated": ended});
        });
        if strikes > 0 {
            let message = format!("Back-off restarting failed container istio-proxy in pod {}_{}", key.1, key.0);
            event::warn(store, &pod, "kubelet", "BackOff", &message, now);
        }
    }

    /// Starts the containers again whose time has come.
    pub(super) fn restart_due(&mut self, store: &Store, now: Timestamp) {
        let due: Vec<PodKey> = self.restarts.iter().filter(|(_, at)| **at <= now).map(|(key, _)| key.clone()).collect();
        for key in due {
            self.restarts.remove(&key);
            let Some(pod) = store.get("", "pods", &key.0, &key.1) else { continue };
            let Some(proxy) = self.proxies.get_mut(&key) else { continue };
            proxy.life.is_down = false;
            proxy.started = now;
            self.set_sidecar(store, &key, &pod, now, |status| {
                status["ready"] = json!(true);
                status["started"] = json!(true);
                status["restartCount"] = json!(status["restartCount"].as_u64().unwrap_or(0) + 1);
                status["state"] = json!({"running": {"startedAt": second(now)}});
            });
        }
    }

    /// Writes the status of a pod's sidecar, and with it whether the pod is ready.
    fn set_sidecar(&self, store: &Store, key: &PodKey, pod: &Object, now: Timestamp, set: impl Fn(&mut Value)) {
        let mut status = pod["status"].clone();
        let mut ready = true;
        for list in ["containerStatuses", "initContainerStatuses"] {
            for container in status[list].as_array_mut().into_iter().flatten() {
                if container["name"] == "istio-proxy" {
                    set(container);
                    ready = container["ready"] == true;
                }
            }
        }
        let state = if ready { "True" } else { "False" };
        for condition in status["conditions"].as_array_mut().into_iter().flatten() {
            if condition["type"] == "Ready" || condition["type"] == "ContainersReady" {
                condition["status"] = json!(state);
                condition["lastTransitionTime"] = json!(second(now));
            }
        }
        store.put_status("", "pods", &key.0, &key.1, status, "kubelet");
    }
}

/// The memory limit of a pod's sidecar, in bytes.
fn limit(pod: &Value) -> Option<u64> {
    let containers = ["containers", "initContainers"].iter().filter_map(|list| pod["spec"][list].as_array()).flatten();
    let proxy = containers.into_iter().find(|container| container["name"] == "istio-proxy")?;
    bytes(proxy["resources"]["limits"]["memory"].as_str()?)
}

/// A quantity of memory as people write it: `64Mi`, `1Gi`, `500M`, `1000000`.
pub fn bytes(text: &str) -> Option<u64> {
    const UNITS: [(&str, u64); 6] =
        [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30), ("k", 1_000), ("M", 1_000_000), ("G", 1_000_000_000)];
    let unit = UNITS.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, *factor)));
    let (number, factor) = unit.unwrap_or((text, 1));
    number.parse::<u64>().ok()?.checked_mul(factor)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_rest_it_is_the_recorded_proxy() {
        let memory = Memory::new(BASE + 17 * OF_CLUSTER, 0, 0);
        assert_eq!((memory.heap, memory.physical), (16_777_216, 19_852_094));
        assert!((9_330_000..9_520_000).contains(&memory.allocated), "{memory:?}");
    }

    #[test]
    fn what_is_freed_stays_unless_it_is_much() {
        let large = Memory::new(80_000_000, 0, 0);
        let smaller = Memory::new(20_000_000, large.kept(), 0);
        assert_eq!((smaller.allocated, smaller.physical), (20_000_000, large.physical));
        let huge = Memory::new(300_000_000, 0, 0);
        assert!(Memory::new(20_000_000, huge.kept(), 0).physical < 40_000_000);
    }

    #[test]
    fn quantities() {
        assert_eq!(bytes("64Mi"), Some(67_108_864));
        assert_eq!(bytes("1G"), Some(1_000_000_000));
        assert_eq!(bytes("x"), None);
    }

    #[test]
    fn bursts_come_and_go() {
        let span = |text: &str| serde_json::from_value(json!(text)).expect("a span");
        let burst = crate::world::memory::Burst { connections: 400, every: span("8m"), lasting: span("30s") };
        let of = ProxyMemory { connections: 60, burst: Some(burst), leak: 0 };
        let seen: Vec<u32> = (0..960).map(|second| idle(&of, "front-1", Duration::from_secs(second))).collect();
        assert_eq!(seen.iter().filter(|count| **count == 400).count(), 60);
        assert_eq!(seen.iter().filter(|count| **count == 60).count(), 900);
    }
}
