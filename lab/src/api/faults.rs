//! What goes wrong with the API server in a world: slowness, throttling, missing permissions, interference.

use std::time::Duration;

use serde_json::Value;

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
