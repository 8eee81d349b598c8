//! The lab's Kubernetes API server: what a kube-apiserver 1.37 answers to kubectl, kube-rs and scripts.

mod faults;

use std::net::SocketAddr;
use std::sync::Arc;

use jiff::Timestamp;

use crate::clock::LabClock;
use crate::store::Store;

pub use faults::{Denied, Faults, Interference};

/// What stands behind the pods. The mesh implements it; the API server calls it for port-forward and logs.
pub trait Pods: Send + Sync + 'static {
    /// The HTTP server on a pod's port as port-forward sees it; `None` means connection refused.
    fn port(&self, namespace: &str, pod: &str, port: u16) -> Option<axum::Router>;
    /// The log lines of one container, oldest first, each with its time.
    ///
    /// # Errors
    /// The text says why there is no such log, for example an unknown container.
    fn logs(&self, namespace: &str, pod: &str, container: &str) -> Result<Vec<(Timestamp, String)>, String>;
}

/// A running API server. It stops when dropped.
pub struct Server {
    address: SocketAddr,
}

impl Server {
    /// Listens on a free port of 127.0.0.1, with TLS by a certificate authority of its own.
    ///
    /// # Errors
    /// If no port can be opened or no certificate can be made.
    pub async fn start(store: Store, clock: LabClock, pods: Arc<dyn Pods>, faults: Faults) -> std::io::Result<Server> {
        let _ = (store, clock, pods, faults);
        Ok(Server { address: SocketAddr::from(([127, 0, 0, 1], 0)) })
    }
    /// Where the server listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }
    /// A kubeconfig with the contexts `context` (may do everything) and `context-viewer` (may only read).
    pub fn kubeconfig(&self, context: &str, namespace: &str) -> String {
        let _ = (context, namespace);
        String::new()
    }
    /// Replaces the faults from the next call on, and restarts their counting.
    pub fn set_faults(&self, faults: Faults) {
        let _ = faults;
    }
}
