//! Kubernetes objects: how they are read, and the primitives of `k8s::`.

pub mod autoscaler;
pub mod change;
pub mod configuration;
pub mod kinds;
pub mod read;
pub mod selector;
