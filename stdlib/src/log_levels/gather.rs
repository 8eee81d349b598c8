//! How the levels are read: `POST /logging` of each proxy's admin port.

use meshbook_runtime::change::levels;
use meshbook_runtime::effect::{Effect, LogLevels as Page, Reply};
use meshbook_runtime::failure::{Failure, NOT_FOUND};
use meshbook_runtime::run::Run;

use super::{Levels, LogLevels, Told};
use crate::envoy::admin;
use crate::evidence::absorb;
use crate::proxies::Proxies;

/// Where Envoy lists and sets the levels of a pod's proxy.
///
/// Format: Envoy's admin interface, `/logging`: `paths=NAME:LEVEL,NAME:LEVEL` sets several at once.
pub fn page(namespace: &str, pod: &str) -> Page {
    Page {
        namespace: namespace.into(),
        pod: pod.into(),
        port: admin::PORT,
        path: "/logging".into(),
        parameter: "paths".into(),
    }
}

/// Reads the levels of these proxies.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run, proxies: &Proxies) -> Result<LogLevels, Failure> {
    let pods = proxies.pods();
    let effects = pods.iter().map(|pod| Effect::log_levels(page(&pod.namespace, &pod.name))).collect();
    let mut told = Vec::with_capacity(pods.len());
    for (pod, reply) in pods.iter().zip(run.read_all(effects)) {
        let levels = match reply {
            Ok(Reply::Json(document)) => Levels::Known(levels::loggers(&document), document),
            Ok(_) => Levels::Silent("its admin port gave no list of loggers".into()),
            Err(failure) if failure.is(&NOT_FOUND) => Levels::Gone,
            Err(failure) => Levels::Silent(absorb(failure)?),
        };
        told.push(Told { pod: pod.name.clone(), levels });
    }
    Ok(LogLevels::new(told, proxies.missing().cloned()))
}
