//! What Envoy says about its own memory: `/stats?format=json` of `server.*` and `cluster_manager.active_clusters`.
//!
//! Istio exports these by default. What is freed stays in the process: the allocator gives pages back only when more
//! than 100 MB lie idle (`Memory::Utils::tryShrinkHeap`, source/common/memory/utils.cc).

use serde_json::Value;

use crate::envoy::counter;

/// What Envoy keeps of freed memory at most, beside what a small one has idle (10.4 MB of a recorded Envoy 1.40).
const IDLE: f64 = 13_000_000.0;

/// One proxy's own figures.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Envoy {
    /// `server.memory_allocated`, in bytes.
    pub allocated: f64,
    /// `server.memory_physical_size`, in bytes.
    pub physical: f64,
    /// `server.total_connections`.
    pub connections: f64,
    /// `cluster_manager.active_clusters`, those of its bootstrap included.
    pub clusters: f64,
}

impl Envoy {
    /// Reads the page.
    ///
    /// # Errors
    /// A sentence that says what is not there.
    pub fn parse(page: &str) -> Result<Self, String> {
        let page: Value =
            serde_json::from_str(page).map_err(|error| format!("its /stats page is not JSON: {error}"))?;
        let stats = page.get("stats").and_then(Value::as_array).ok_or("its /stats page has no `stats`")?;
        let get = |name: &str| {
            let stat = stats.iter().find(|stat| stat.get("name").and_then(Value::as_str) == Some(name));
            stat.and_then(|stat| stat.get("value"))
                .and_then(counter)
                .ok_or_else(|| format!("it does not export {name}"))
        };
        Ok(Envoy {
            allocated: get("server.memory_allocated")?,
            physical: get("server.memory_physical_size")?,
            connections: get("server.total_connections")?,
            clusters: get("cluster_manager.active_clusters")?,
        })
    }

    /// What it has freed and keeps, in bytes: memory that the kernel counts, and that it fills again before it takes more.
    pub fn idle(&self) -> f64 {
        (self.physical - self.allocated - IDLE).max(0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_recorded_page() {
        let page = include_str!("../../testdata/istio-1.31/stats.front.json");
        let envoy = Envoy::parse(page).expect("a page");
        assert_eq!((envoy.allocated, envoy.physical), (9_147_296.0, 17_754_942.0));
        assert!(envoy.clusters > 17.0 && envoy.idle() == 0.0, "{envoy:?}");
    }

    #[test]
    fn what_is_not_exported_is_not_nought() {
        for page in ["", "{}", r#"{"stats":[{"name":"server.memory_allocated","value":1}]}"#] {
            assert!(Envoy::parse(page).is_err(), "{page}");
        }
    }

    #[test]
    fn what_is_freed_is_idle() {
        let envoy = Envoy { allocated: 10e6, physical: 60e6, connections: 0.0, clusters: 10.0 };
        assert_eq!(envoy.idle(), 37e6);
    }
}
