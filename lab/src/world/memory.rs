//! What a workload's sidecars need memory for, besides their configuration and their requests.

use serde::{Deserialize, Serialize};

use super::span::Span;

/// Connections that clients keep open, and memory that is never given back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ProxyMemory {
    /// Idle connections that clients keep open to each pod.
    pub connections: u32,
    /// From time to time clients open many more.
    pub burst: Option<Burst>,
    /// KiB that each proxy loses every minute from its start on: a leak.
    pub leak: u32,
}

/// Many connections for a short time, for each pod at another moment.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// How many connections there are then.
    pub connections: u32,
    /// How often.
    pub every: Span,
    /// For how long.
    pub lasting: Span,
}
