//! Runbooks on worlds of the lab.
//!
//! - [`mesh`]: a world in this process, reached over loopback by the same transport as a cluster. `--lab` uses it.
//! - [`suite`]: users' own tests, `*.test.rhai`: a world with small changes, a run, expectations.
//! - [`registry`]: what such tests can say beside everything that a runbook can; one file for each word.

pub mod expectation;
pub mod mesh;
pub mod registry;
pub mod rehearsal;
pub mod stage;
pub mod suite;
pub mod world;

pub use registry::LIBRARY;
