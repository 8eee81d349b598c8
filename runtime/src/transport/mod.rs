//! The only code that opens a connection: Kubernetes API, pod ports by port-forward, Prometheus, the clock.

use futures::future::BoxFuture;

use crate::effect::{Call, Reply};
use crate::failure::Failure;

/// Carries out calls. The cluster and the lab are reached by the same implementation; tests put their own in its place.
pub trait Transport: Send + Sync + 'static {
    /// Carries out one call.
    ///
    /// # Errors
    /// A failure whose code says how the run ends if nobody handles it.
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>>;

    /// The kubeconfig context (or the lab's world) and the address of the API server, pinned at start.
    fn place(&self) -> (String, String);
}
