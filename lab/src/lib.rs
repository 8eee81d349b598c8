//! An embedded mesh on loopback that a stock `kubectl`, and meshbook itself, can talk to.
//!
//! - [`clock`]: the lab's time; virtual in the process, at the pace of the wall clock for outside clients.
//! - [`store`]: the objects of the cluster, with resource versions and a change feed.
//! - [`api`]: the Kubernetes API server over the store.
//! - [`world`]: the files that describe a cluster, its workloads, its traffic and its fault.
//! - [`mesh`]: what moves in a world: traffic, istiod's propagation, Envoy's admin pages, Prometheus.

pub mod api;
pub mod clock;
pub mod mesh;
pub mod store;
pub mod world;
