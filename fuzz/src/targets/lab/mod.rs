//! What the lab reads: requests, queries, worlds.

pub mod api;
pub mod exec;
pub mod fields;
pub mod pages;
pub mod promql;
pub mod world;
