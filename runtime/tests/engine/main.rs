//! The engine under a small library and a cluster in memory: words, settling, stops, errors and their places.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod checker;
mod endings;
mod errors;
mod imports;
mod params;
mod prompt;
mod proofs;
mod stepping;
mod world;
