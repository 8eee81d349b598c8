//! The connection against servers in this process: every answer, and every way to fail.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a test may fail by panic, and needs no manual")]

mod credentials;
mod double;
mod kubernetes;
mod lab;
mod notify;
mod pods;
mod prometheus;
mod tool;
