//! What a runbook can say: primitives and nouns, one file for each.
//!
//! [`registry`] lists them; everything else follows from their descriptors: help, `docs/reference.md`, completion,
//! `meshbook.d.rhai`, permissions, and a test for each example. Below that lie
//! - the nouns: [`host`], [`proxy`], [`rule`], [`refusals`], [`errors`], [`room`], [`symptom`], [`metric`], [`object`], [`workload`];
//! - [`latency`], [`time_spent`], [`ejections`], [`timeouts`], [`route`], [`load`]: why a service is slow, and what helps;
//! - [`memory`]: what sidecars need memory for, and what helps;
//! - [`control_plane`], [`version`]: istiod from every side;
//! - [`revision`], [`injection`], [`placement`], [`dependents`], [`health`]: how a mesh moves from one revision to another;
//! - [`effective`], [`candidate`], [`sidecar`], [`peer_authentication`]: what applies to a caller and a host, and why;
//! - [`backup`]: what people have written of a mesh, kept in a file and restored;
//! - [`identity`], [`carried`], [`onboarding`]: certificates of proxies; what a new service needs; what proxies carry of a host, and which routes it gives;
//! - [`page`]: what proxies and istiods say on their pages, in istioctl's columns;
//! - [`finding`]: what a diagnosis says;
//! - [`evidence`]: how figures are taken, from the best source that speaks, as increases over a span;
//! - parsers of foreign bytes: [`envoy`], [`prometheus`].
//!
//! Nothing here opens a connection: everything goes through `meshbook_runtime::run::Run`.

pub mod addresses;
pub mod alert;
pub mod alert_rules;
pub mod alerting_rule;
pub mod analysis;
pub mod backup;
pub mod candidate;
pub mod carried;
pub mod causes;
pub mod code;
pub mod control_plane;
pub mod dashboards;
pub mod dependents;
pub mod descriptor;
pub mod differences;
pub mod effective;
pub mod ejections;
pub mod envoy;
pub mod errors;
pub mod event;
pub mod evidence;
pub mod finding;
pub mod health;
pub mod host;
pub mod identity;
pub mod indicator;
pub mod injection;
pub mod installation;
pub mod kubernetes;
pub mod latency;
pub mod list;
pub mod load;
pub mod log;
pub mod log_levels;
pub mod memory;
pub mod metric;
pub mod notify;
pub mod object;
pub mod onboarding;
pub mod overview;
pub mod page;
pub mod peer_authentication;
pub mod placement;
pub mod prometheus;
pub mod proxies;
pub mod proxy;
pub mod reach;
pub mod reference;
pub mod refusals;
pub mod registry;
pub mod request;
pub mod revision;
pub mod room;
pub mod route;
pub mod rule;
pub mod series;
pub mod serving;
pub mod show;
pub mod sidecar;
pub mod slo;
pub mod sources;
pub mod symptom;
pub mod table;
pub mod target;
pub mod text;
pub mod time_spent;
pub mod timeouts;
pub mod tls;
pub mod trace;
pub mod triage;
pub mod trust_root;
pub mod usage;
pub mod version;
pub mod workload;

pub use registry::LIBRARY;
