//! Reads of Kubernetes objects.

use std::collections::BTreeSet;

use meshbook_runtime::effect::{Call, Effect, ObjectRef, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, FORBIDDEN, Failure, NOT_FOUND};
use meshbook_runtime::run::Run;
use serde_json::Value;

use crate::evidence::moment;

/// Reads one object.
///
/// # Errors
/// `NOT_FOUND`, and what every read can end in.
pub fn get(run: &Run, object: &ObjectRef) -> Result<Value, Failure> {
    json(moment::read(run, Effect::get(object.clone()))?, object)
}

/// Reads one object that need not exist.
///
/// # Errors
/// What every read can end in, except `NOT_FOUND`.
pub fn find(run: &Run, object: &ObjectRef) -> Result<Option<Value>, Failure> {
    match get(run, object) {
        Ok(value) => Ok(Some(value)),
        Err(failure) if is(&failure, &NOT_FOUND) => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Lists objects of a namespace, or of all.
///
/// # Errors
/// What every read can end in.
pub fn list(
    run: &Run,
    kind: ResourceKind,
    namespace: Option<&str>,
    labels: Option<&str>,
) -> Result<Vec<Value>, Failure> {
    let what = format!("the list of {}", kind.plural);
    match moment::read(run, Effect::list(kind, namespace, labels))? {
        Reply::Json(Value::Array(items)) => Ok(items),
        _ => Err(Failure::new(&BAD_ANSWER, format!("{what} is no list"))),
    }
}

/// Lists objects of all namespaces; where that is forbidden, those of these namespaces, and says so.
///
/// # Errors
/// What every read can end in; `FORBIDDEN` if not even the namespaces may be read.
pub fn list_widely(
    run: &Run,
    kind: &ResourceKind,
    namespaces: &[&str],
) -> Result<(Vec<Value>, Option<String>), Failure> {
    match list(run, kind.clone(), None, None) {
        Ok(items) => Ok((items, None)),
        Err(failure) if is(&failure, &FORBIDDEN) => {
            let unique: BTreeSet<&str> = namespaces.iter().copied().filter(|n| !n.is_empty()).collect();
            let (mut items, mut denied, mut last) = (Vec::new(), Vec::new(), failure);
            for namespace in &unique {
                match list(run, kind.clone(), Some(namespace), None) {
                    Ok(found) => items.extend(found),
                    Err(failure) if is(&failure, &FORBIDDEN) => {
                        denied.push(*namespace);
                        last = failure;
                    }
                    Err(failure) => return Err(failure),
                }
            }
            if denied.len() == unique.len() {
                return Err(last);
            }
            let read: Vec<_> = unique.iter().filter(|n| !denied.contains(n)).map(|n| (*n).to_owned()).collect();
            Ok((
                items,
                Some(format!(
                    "{} of namespace {} only: listing them in all namespaces is forbidden",
                    kind.plural,
                    crate::text::and(&read)
                )),
            ))
        }
        Err(failure) => Err(failure),
    }
}

/// The kind that people mean by `destinationrule`, `dr` or `DestinationRule`.
///
/// # Errors
/// `NOT_FOUND` if the API server serves no such kind.
pub fn kind(run: &Run, name: &str) -> Result<ResourceKind, Failure> {
    let effect = Effect::read("API server", format!("which kind is {name}"), Call::ResolveKind { name: name.into() });
    match run.read(effect)? {
        Reply::Json(kind) => serde_json::from_value(kind)
            .map_err(|error| Failure::new(&BAD_ANSWER, format!("discovery answered no kind for {name}: {error}"))),
        _ => Err(Failure::new(&BAD_ANSWER, format!("discovery answered no kind for {name}"))),
    }
}

/// The object that `name`, or `namespace/name`, means.
pub fn object(kind: ResourceKind, run_namespace: &str, name: &str) -> ObjectRef {
    match name.split_once('/') {
        Some((namespace, name)) if kind.namespaced => ObjectRef::new(kind, namespace, name),
        _ => ObjectRef::new(kind, run_namespace, name),
    }
}

/// Whether a failure is of this kind.
pub fn is(failure: &Failure, code: &'static meshbook_runtime::failure::Code) -> bool {
    std::ptr::eq(failure.code, code)
}

fn json(reply: Reply, object: &ObjectRef) -> Result<Value, Failure> {
    match reply {
        Reply::Json(value) if value.is_object() => Ok(value),
        _ => Err(Failure::new(&BAD_ANSWER, format!("the answer for {object} is no object"))),
    }
}
