//! Where the figures of a workload's health are from.

use meshbook_runtime::change::rollout;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Missing, Span};
use serde_json::Value;

use super::{Health, Part};
use crate::errors::Errors;
use crate::host::Host;
use crate::host::resolve::resolve;
use crate::kubernetes::autoscaler::{autoscaler, bounds};
use crate::kubernetes::{kinds, read};
use crate::latency::quantile;
use crate::proxy::pod::{selects, strings};
use crate::workload::{Workload, sent::sent};

/// Looks how a workload did.
///
/// # Errors
/// What every read of the API server can end in; a source that does not answer is missing data instead.
pub fn gather(run: &Run, work: &Workload, span: Span) -> Result<Health, Failure> {
    let object = read::get(run, work.object())?;
    let minimum = autoscaler(run, work.object())?.map_or(0, |(_, scaler)| bounds(&scaler).0);
    let (ready, wanted, _) = rollout::progress(&object, minimum);
    let mut parts = Vec::new();
    for host in hosts(run, work, &object)? {
        let errors = Errors::gather(run, &host, span)?;
        let p95 = quantile::buckets(run, &host, span)?.and_then(|buckets| buckets.quantile(0.95)).ok();
        parts.push(Part { what: format!("requests to {}", host.text()), counted: counted(&errors), p95 });
    }
    let sent = sent(run, work, span)?;
    parts.push(Part { what: format!("requests that {} sent", work.text()), counted: counted(&sent), p95: None });
    Ok(Health::new(work.clone(), span, parts, (ready, wanted)))
}

fn counted(errors: &Errors) -> Result<crate::errors::Counted, Missing> {
    match errors.missing() {
        Some(missing) => Err(missing.clone()),
        None => errors.counted().map_err(|failure| Missing::Unreachable(failure.message)),
    }
}

/// The hosts of the Services that select a workload's pods.
///
/// # Errors
/// What every read of the API server can end in.
pub fn hosts(run: &Run, work: &Workload, object: &Value) -> Result<Vec<Host>, Failure> {
    let labels = strings(object.pointer("/spec/template/metadata/labels"));
    let namespace = work.object().namespace.as_deref().unwrap_or_default();
    let mut hosts = Vec::new();
    for service in read::list(run, kinds::service(), Some(namespace), None)? {
        let selector = strings(service.pointer("/spec/selector"));
        let name = service.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        if !selector.is_empty() && selects(&selector, &labels) {
            hosts.push(resolve(run, &format!("{name}.{namespace}"))?);
        }
    }
    Ok(hosts)
}
