//! What goes wrong with the API server in a world: slowness, throttling, missing permissions, interference.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde_json::Value;

use super::request::Target;
use crate::store::Store;

/// Faults of the API server. The default is a server without faults.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// Added to each call before it is answered, in wall-clock time.
    pub api_latency: Duration,
    /// Calls that are answered 429, counted from 1 over all calls.
    pub too_many_requests: Vec<u64>,
    /// The `Retry-After` of those answers; rounded up to whole seconds, as the header has no parts of them.
    pub retry_after: Duration,
    /// The server takes connections and closes them without an answer.
    pub down: bool,
    /// What is forbidden to everybody, the administrator included.
    pub denied: Vec<Denied>,
    /// The validating webhook refuses every write of an Istio object with this text.
    pub webhook_refuses: Option<String>,
    /// The validating webhook cannot be reached: writes of Istio objects fail with 500.
    pub webhook_unreachable: bool,
    /// Somebody else's changes between a client's read and its write.
    pub interference: Vec<Interference>,
}

/// A forbidden combination; `*` or an empty namespace means any.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denied {
    /// A verb of RBAC: `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, or `*`.
    pub verb: String,
    /// API group, `""` for core, or `*`.
    pub group: String,
    /// Plural name, with the subresource if it is one (`pods/portforward`), or `*`.
    pub resource: String,
    /// The namespace it is forbidden in; `None` for everywhere.
    pub namespace: Option<String>,
}

/// A change by another client right after an object was read.
#[derive(Clone, Debug)]
pub struct Interference {
    /// API group of the object.
    pub group: String,
    /// Plural name of the object's resource.
    pub resource: String,
    /// The object's namespace, `""` if cluster-scoped.
    pub namespace: String,
    /// The object's name.
    pub name: String,
    /// After which GET of the object, counted from 1, the change happens.
    pub after_get: u64,
    /// A JSON merge patch (RFC 7386) that is applied to the object.
    pub patch: Value,
    /// The field manager in whose name it is made.
    pub manager: String,
}

/// Faults with the counts that they depend on.
pub(crate) struct Counted {
    pub(crate) faults: Faults,
    calls: AtomicU64,
    /// How often the object of each interference was read.
    reads: Mutex<Vec<u64>>,
}

impl Counted {
    pub(crate) fn new(faults: Faults) -> Counted {
        let reads = Mutex::new(vec![0; faults.interference.len()]);
        Counted { faults, calls: AtomicU64::new(0), reads }
    }

    /// The number of this call, from 1.
    pub(crate) fn count(&self) -> u64 {
        self.calls.fetch_add(1, Ordering::Relaxed) + 1
    }

    pub(crate) fn calls(&self) -> u64 {
        self.calls.load(Ordering::Relaxed)
    }

    /// Makes the changes that are due after this read.
    pub(crate) fn interfere(&self, store: &Store, target: &Target) {
        for (index, plan) in self.faults.interference.iter().enumerate() {
            let is_about = plan.group == target.kind.group
                && plan.resource == target.kind.plural
                && plan.namespace == target.namespace()
                && plan.name == target.name();
            if !is_about {
                continue;
            }
            let due = {
                let mut reads = self.reads.lock().expect("no holder of the counts panics");
                reads[index] += 1;
                reads[index] == plan.after_get
            };
            if let (true, Some(live)) = (due, store.get(&plan.group, &plan.resource, &plan.namespace, &plan.name)) {
                let mut changed = (*live).clone();
                json_patch::merge(&mut changed, &plan.patch);
                store.put(changed, &plan.manager);
            }
        }
    }
}
