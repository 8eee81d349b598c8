//! What proxies were told about their clusters to a host.

use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;

use super::{absorb, moment};
use crate::envoy::admin;
use crate::envoy::config_dump::{self, Configured};
use crate::host::Host;
use crate::proxy::Proxy;

/// Asks each of them, in their order; a proxy that does not answer says why.
///
/// # Errors
/// What a script may not handle.
pub fn read(run: &Run, host: &Host, proxies: &[Proxy]) -> Result<Vec<Result<Vec<Configured>, String>>, Failure> {
    let effect = |proxy: &Proxy| admin::cluster_config(proxy.namespace(), proxy.pod(), host.fqdn());
    let replies = moment::read_all(run, proxies.iter().map(effect).collect());
    let page = |reply| match reply {
        Ok(reply) => Ok(admin::body(reply).and_then(|body| config_dump::parse(&body))),
        Err(failure) => absorb(failure).map(Err),
    };
    replies.into_iter().map(page).collect()
}
