//! What goes with an object that is deleted: a namespace takes all that is in it along, and a CustomResourceDefinition every
//! object of its kind. What others have put there since is not the run's to delete.

use serde_json::Value;

use crate::effect::{Call, ObjectRef, Reply, ResourceKind};
use crate::failure::{Failure, NOT_FOUND};
use crate::run::Caller;

/// Kinds of which a namespace that is in use has objects. What controllers put into every namespace is none of them.
fn in_use() -> [ResourceKind; 4] {
    [
        ResourceKind::namespaced("", "v1", "Pod", "pods"),
        ResourceKind::namespaced("", "v1", "Service", "services"),
        ResourceKind::namespaced("", "v1", "PersistentVolumeClaim", "persistentvolumeclaims"),
        ResourceKind::namespaced("apps", "v1", "Deployment", "deployments"),
    ]
}

/// Whether an object goes some time after it was deleted.
pub(super) fn is_slow(object: &ObjectRef) -> bool {
    object.kind.group.is_empty() && object.kind.kind == "Namespace"
        || object.kind.group == "apiextensions.k8s.io" && object.kind.kind == "CustomResourceDefinition"
}

/// What would go with an object, in words; `None` if nothing would.
///
/// # Errors
/// What a read can end in: what is not known is not deleted.
pub(super) fn with(caller: &Caller, object: &ObjectRef, now: &Value) -> Result<Option<String>, Failure> {
    if !is_slow(object) {
        return Ok(None);
    }
    let asked: Vec<(ResourceKind, Option<&str>)> = match object.kind.kind.as_str() {
        "Namespace" => in_use().into_iter().map(|kind| (kind, Some(object.name.as_str()))).collect(),
        _ => kind_of(now).into_iter().map(|kind| (kind, None)).collect(),
    };
    for (kind, namespace) in asked {
        let call =
            Call::List { kind: kind.clone(), namespace: namespace.map(str::to_owned), labels: None, fields: None };
        let items = match caller.firmly(&call) {
            Ok(Reply::Json(Value::Array(items))) => items,
            Ok(_) => Vec::new(),
            // It is not served, so there is none.
            Err(failure) if failure.is(&NOT_FOUND) => continue,
            Err(failure) => return Err(failure),
        };
        let stays = |item: &&Value| item.pointer("/metadata/deletionTimestamp").is_none_or(Value::is_null);
        let mut names = items.iter().filter(stays).map(|item| {
            let text = |key: &str| item["metadata"][key].as_str().unwrap_or_default();
            if kind.namespaced { format!("{}/{}", text("namespace"), text("name")) } else { text("name").to_owned() }
        });
        if let Some(first) = names.next() {
            let rest = names.count();
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            return Ok(Some(format!("{} {first}{more}", kind.kind)));
        }
    }
    Ok(None)
}

/// The kind that a CustomResourceDefinition defines.
fn kind_of(definition: &Value) -> Option<ResourceKind> {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let mut versions = definition.pointer("/spec/versions").and_then(Value::as_array)?.iter();
    let version = versions.find(|version| version["served"] == true)?["name"].as_str()?.to_owned();
    Some(ResourceKind {
        group: text("/spec/group")?,
        version,
        kind: text("/spec/names/kind")?,
        plural: text("/spec/names/plural")?,
        namespaced: text("/spec/scope")? == "Namespaced",
    })
}
