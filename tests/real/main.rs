//! Tests on a real mesh: a real kube-apiserver, istiod and Envoys, started by `tests/real/run`, which calls these.
//!
//! They need root, network namespaces and some minutes, so `cargo test` lists them as ignored.

mod alerts;
mod breaker;
mod changes;
mod cluster;
mod control_plane;
mod day2;
mod failover;
mod gateways;
mod installation;
mod joining;
mod kept;
mod latency;
mod lifecycle;
mod load;
mod log_levels;
mod mtls;
mod prompt;
mod refusal;
mod route;
mod side_by_side;
mod traces;
mod upgrade;
