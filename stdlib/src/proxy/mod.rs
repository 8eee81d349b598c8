//! The proxy: the Envoy beside one pod, on one side of the requests to a host.

pub mod lag;
pub mod pod;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use meshbook_runtime::noun::Noun;
use serde_json::{Value, json};

use crate::host::Host;
use pod::PodFacts;

/// The Envoy beside a pod.
#[derive(Clone, Debug)]
pub struct Proxy(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    namespace: String,
    pod: String,
    workload: String,
    labels: BTreeMap<String, String>,
    is_gateway: bool,
    side: Side,
    host: Host,
}

/// On which side of the requests to a host a proxy stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// It sends requests: `outbound|PORT|SUBSET|HOST`.
    Caller,
    /// It receives them: `inbound|PORT||`.
    Server,
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Side::Caller => "caller",
            Side::Server => "server",
        })
    }
}

/// What identifies a proxy: namespace, pod, side.
pub type Key = (String, String, Side);

impl Proxy {
    /// The proxy of a pod.
    pub fn new(pod: &PodFacts, side: Side, host: &Host) -> Self {
        Proxy(Arc::new(Inner {
            namespace: pod.namespace.clone(),
            pod: pod.name.clone(),
            workload: pod.workload.clone(),
            labels: pod.labels.clone(),
            is_gateway: pod.is_gateway,
            side,
            host: host.clone(),
        }))
    }

    /// Its pod's namespace.
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Its pod's name.
    pub fn pod(&self) -> &str {
        &self.0.pod
    }

    /// The workload that its pod belongs to.
    pub fn workload(&self) -> &str {
        &self.0.workload
    }

    /// Whether it belongs to a workload, as telemetry names workloads: by its Deployment, or by its canonical name.
    pub fn is_of(&self, workload: &str) -> bool {
        let canonical = self.0.labels.get("service.istio.io/canonical-name");
        self.0.workload == workload || canonical.is_some_and(|name| name == workload)
    }

    /// Labels of its pod.
    pub fn labels(&self) -> &BTreeMap<String, String> {
        &self.0.labels
    }

    /// Whether it is a gateway: what its clients ask for is none of the mesh's names.
    pub fn is_gateway(&self) -> bool {
        self.0.is_gateway
    }

    /// Its side.
    pub fn side(&self) -> Side {
        self.0.side
    }

    /// The host whose requests it carries.
    pub fn host(&self) -> &Host {
        &self.0.host
    }

    /// What identifies it.
    pub fn key(&self) -> Key {
        (self.0.namespace.clone(), self.0.pod.clone(), self.0.side)
    }
}

impl Noun for Proxy {
    const NAME: &'static str = "Proxy";
    const DOC: &'static str = "The Envoy beside one pod, on one side of the requests to a host: the caller's or the server's. It is written as `istioctl proxy-status` does, `POD.NAMESPACE`.";

    fn text(&self) -> String {
        format!("{}.{}", self.0.pod, self.0.namespace)
    }

    fn json(&self) -> Value {
        json!({ "pod": self.0.pod, "namespace": self.0.namespace, "workload": self.0.workload, "side": self.0.side.to_string(), "host": self.0.host.fqdn() })
    }
}
