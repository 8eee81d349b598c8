//! Tests on a real mesh: a real kube-apiserver, istiod and Envoys, started by `tests/real/run`, which calls these.
//!
//! They need root, network namespaces and some minutes, so `cargo test` lists them as ignored.

mod breaker;
mod changes;
mod cluster;
mod load;
mod refusal;
mod side_by_side;
