//! What the library says and does on the lab, through the real engine, road and transports.

#![allow(clippy::expect_used, reason = "a test ends where its premise fails")]

mod circuit_breaker;
mod evidence;
mod examples;
mod kinds;
mod kubernetes;
mod latency;
mod mtls;
mod request;
mod sidecar_memory;
mod triage;
mod world;
