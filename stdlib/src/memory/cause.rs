//! The causes, in the words by which runbooks tell them apart.

/// It grows while configuration and connections stay the same.
pub const LEAK: &str = "memory leak";
/// It holds the configuration of services that nobody asks from here.
pub const CONFIGURATION: &str = "configuration size";
/// It does not grow, and its limit is below what it needs.
pub const LOW_LIMIT: &str = "low memory limit";
/// It grows with its connections.
pub const CONNECTIONS: &str = "more connections";
/// It was killed although no limit of its own was near.
pub const NODE: &str = "killed without a limit of its own";
