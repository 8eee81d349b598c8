//! The causes of a control plane that is unavailable, in the words by which runbooks tell them apart.

/// There is no istiod.
pub const NO_ISTIOD: &str = "no istiod";
/// istiod's container ends after each start.
pub const CRASH_LOOP: &str = "istiod crash loop";
/// istiod's pods do not become ready, and do not crash.
pub const NOT_STARTED: &str = "istiod does not start";
/// An istiod counts as ready, and nothing answers on its port.
pub const SILENT: &str = "istiod does not answer";
/// A NetworkPolicy keeps proxies or the API server from istiod.
pub const NETWORK_POLICY: &str = "NetworkPolicy blocks istiod";
/// A Service of istiod has no pod behind it although istiods run.
pub const WRONG_SELECTOR: &str = "istiod Service selects nothing";
/// A webhook's Service does not exist or has nothing behind it.
pub const WEBHOOK: &str = "webhook without endpoints";
/// Namespaces ask for sidecars, and no webhook gives them any.
pub const NO_INJECTOR: &str = "namespace without injector";
/// The root certificate has expired, or webhooks trust another one.
pub const AUTHORITY: &str = "expired or wrong CA";
/// An istiod learns nothing of changes.
pub const STALE: &str = "stale istiod";
/// The API server is slow.
pub const SLOW_API: &str = "slow API server";
/// Proxies have no istiod, and nothing of the above says why.
pub const DISCONNECTED: &str = "proxies without istiod";
