//! How a runbook runs.
//!
//! Everything that a runbook does to the outside world is an [`effect::Effect`]. It goes one road:
//! primitive → effect → [`gate`] → [`record`] → [`transport`] → the mesh. Nothing goes around it.
//!
//! - [`engine`]: Rhai with the five words `param`, `step`, `temporarily`, `wait`, `hold`; diagnostics; the checker.
//! - [`primitive`], [`noun`], [`value`]: what a library of primitives is made of.
//! - [`run`]: one run: the road of its effects, its latch, its steps.
//! - [`change`]: how a change is computed, shown, approved, sent, proved, and taken back.
//! - [`gate`], [`record`], [`transport`]: the three stations of the road.
//!
//! This crate knows Kubernetes, HTTP and Prometheus; it does not know Istio.

pub mod change;
pub mod effect;
pub mod engine;
pub mod failure;
pub mod gate;
pub mod noun;
pub mod primitive;
pub mod record;
pub mod run;
pub mod shell;
pub mod side_by_side;
pub mod transport;
pub mod value;
