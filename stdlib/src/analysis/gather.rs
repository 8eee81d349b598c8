//! How the objects are gathered: every kind of all namespaces, page by page, at once.

use meshbook_runtime::effect::{Effect, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::objects::Objects;
use super::{Messages, messages};
use crate::evidence::{absorb, root};
use crate::kubernetes::{kinds, read};
use crate::revision::labels;
use crate::text::and;

/// The kinds that are read.
fn kinds_read() -> Vec<ResourceKind> {
    let networking = |kind: &str, plural: &str| ResourceKind::namespaced("networking.istio.io", "v1", kind, plural);
    let security = |kind: &str, plural: &str| ResourceKind::namespaced("security.istio.io", "v1", kind, plural);
    vec![
        kinds::namespace(),
        kinds::service(),
        kinds::pod(),
        kinds::virtual_service(),
        kinds::destination_rule(),
        networking("Gateway", "gateways"),
        networking("ServiceEntry", "serviceentries"),
        networking("Sidecar", "sidecars"),
        kinds::peer_authentication(),
        security("RequestAuthentication", "requestauthentications"),
        security("AuthorizationPolicy", "authorizationpolicies"),
        kinds::telemetry(),
    ]
}

/// Reads all objects, and tells what is wrong with those of a namespace; `*` is all of them.
///
/// Objects of all namespaces are read, whichever messages are wanted: what an object refers to may lie anywhere. What
/// may not be listed everywhere makes the whole analysis missing, because "not found" would be a guess then.
///
/// # Errors
/// An API server that does not answer, and what a script may not handle.
pub fn gather(run: &Run, namespace: &str) -> Result<Messages, Failure> {
    let root = root::namespace(run)?;
    // Lists of a namespace that is not there are empty, which is no good news.
    let is_there = namespace == "*"
        || match read::find(run, &labels::object(namespace)) {
            Ok(found) => found.is_some(),
            Err(failure) => absorb(failure).map(|_| true)?,
        };
    if !is_there {
        return Ok(Messages::new(namespace, Err(Missing::NoSeries(format!("there is no namespace {namespace}"))), 0));
    }
    let kinds = kinds_read();
    run.progress(Some("reading the configuration of all namespaces"));
    let effects = kinds.iter().map(|kind| Effect::list(kind.clone(), None, None)).collect();
    let (mut objects, mut forbidden) = (Vec::new(), Vec::new());
    for (kind, reply) in kinds.iter().zip(run.read_all(effects)) {
        match reply {
            Ok(Reply::Json(Value::Array(items))) => objects.extend(items),
            Ok(_) => return Err(Failure::new(&BAD_ANSWER, format!("the list of {} is no list", kind.plural))),
            // A mesh need not have every kind.
            Err(failure) if failure.is(&NOT_FOUND) => {}
            Err(failure) if failure.is(&FORBIDDEN) => forbidden.push(kind.plural.clone()),
            Err(failure) => return Err(failure),
        }
    }
    run.progress(None);
    if !forbidden.is_empty() {
        let why = format!("{} may not be listed in all namespaces", and(&forbidden));
        return Ok(Messages::new(namespace, Err(Missing::Unreachable(why)), 0));
    }
    let objects = Objects::of(objects, &root);
    Ok(Messages::new(namespace, Ok(messages(&objects)), objects.len()))
}
