//! What the standard library reads: pages of Envoy, istiod, Prometheus, Jaeger; objects; names; backups.

pub mod access_log;
pub mod backup;
pub mod certificates;
pub mod envoy_pages;
pub mod istiod;
pub mod jaeger;
pub mod names;
pub mod objects;
pub mod printed;
pub mod prometheus;
pub mod rules;
