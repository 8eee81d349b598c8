//! What goes with an object that is deleted: a namespace takes all that is in it along, and a CustomResourceDefinition every
//! object of its kind. What others have put there since is not the run's to delete.

use serde_json::Value;

use crate::effect::{Call, ObjectRef, Reply, ResourceKind};
use crate::failure::{BAD_ANSWER, Failure, NOT_FOUND};
use crate::run::Caller;

/// What the cluster itself keeps in every namespace, or beside the objects of others: it comes and goes with them.
const BESIDE: [&str; 7] =
    ["Event", "Endpoints", "EndpointSlice", "Lease", "ReplicaSet", "ControllerRevision", "PodMetrics"];

/// What every namespace has. The account says nothing of who made it: it has no field that anybody would own.
const OF_EVERY_NAMESPACE: [(&str, &str); 2] = [("ServiceAccount", "default"), ("ConfigMap", "kube-root-ca.crt")];

/// Who writes into every namespace on behalf of the cluster.
const CONTROLLERS: [&str; 2] = ["kube-controller-manager", "kube-apiserver"];

/// Whether an object goes some time after it was deleted.
pub(super) fn is_slow(object: &ObjectRef) -> bool {
    object.kind.group.is_empty() && object.kind.kind == "Namespace"
        || object.kind.group == "apiextensions.k8s.io" && object.kind.kind == "CustomResourceDefinition"
}

/// What would go with an object, in words; `None` if nothing would.
///
/// # Errors
/// What a read can end in: what is not known is not deleted.
pub(super) fn with(
    caller: &Caller,
    object: &ObjectRef,
    now: &Value,
    companions: &[String],
) -> Result<Option<String>, Failure> {
    if !is_slow(object) {
        return Ok(None);
    }
    let asked: Vec<(ResourceKind, Option<&str>)> = match object.kind.kind.as_str() {
        "Namespace" => {
            let kinds = served(caller)?.into_iter();
            let kinds = kinds.filter(|kind| kind.namespaced && !BESIDE.contains(&kind.kind.as_str()));
            kinds.map(|kind| (kind, Some(object.name.as_str()))).collect()
        }
        _ => kind_of(now).into_iter().map(|kind| (kind, None)).collect(),
    };
    let mut names = Vec::new();
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
        for item in items.iter().filter(|item| item.pointer("/metadata/deletionTimestamp").is_none_or(Value::is_null)) {
            let text = |key: &str| item["metadata"][key].as_str().unwrap_or_default();
            let going = ObjectRef::new(kind.clone(), text("namespace"), text("name"));
            if namespace.is_some() && !is_somebodys(caller, &going, item, companions)? {
                continue;
            }
            if names.len() == NAMED {
                return Ok(Some(format!("{} and more", names.join(", "))));
            }
            names.push(going.to_string());
        }
    }
    Ok((!names.is_empty()).then(|| names.join(", ")))
}

/// So many objects are named.
const NAMED: usize = 3;

/// The kinds that the API server serves.
fn served(caller: &Caller) -> Result<Vec<ResourceKind>, Failure> {
    let Reply::Json(kinds) = caller.firmly(&Call::ServedKinds { groups: Vec::new() })? else {
        return Err(Failure::new(&BAD_ANSWER, "discovery answered no kinds"));
    };
    serde_json::from_value(kinds)
        .map_err(|error| Failure::new(&BAD_ANSWER, format!("discovery answered no kinds: {error}")))
}

/// Whether an object in a namespace is there of somebody's own accord: no other object controls it, and somebody has written
/// to it beside the cluster's controllers and the processes that the run itself has installed. A list does not say who has
/// written, so the object is read.
fn is_somebodys(caller: &Caller, object: &ObjectRef, listed: &Value, companions: &[String]) -> Result<bool, Failure> {
    if OF_EVERY_NAMESPACE.contains(&(object.kind.kind.as_str(), object.name.as_str())) {
        return Ok(false);
    }
    let mut owners = listed.pointer("/metadata/ownerReferences").and_then(Value::as_array).into_iter().flatten();
    if owners.any(|owner| owner["controller"] == true) {
        return Ok(false);
    }
    match caller.firmly(&Call::Get { object: object.clone() }) {
        Ok(Reply::Json(now)) => Ok(is_written_by_others(&now, companions)),
        Ok(_) => Ok(true),
        Err(failure) if failure.is(&NOT_FOUND) => Ok(false),
        Err(failure) => Err(failure),
    }
}

fn is_written_by_others(object: &Value, companions: &[String]) -> bool {
    let managers = object.pointer("/metadata/managedFields").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let is_known = |entry: &Value| {
        let manager = entry["manager"].as_str().unwrap_or_default();
        CONTROLLERS.contains(&manager) || companions.iter().any(|companion| companion == manager)
    };
    managers.is_empty() || !managers.iter().all(is_known)
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_people_have_put_into_a_namespace_is_told_from_what_comes_with_it() {
        let written = |by: &[&str]| {
            let fields: Vec<Value> = by.iter().map(|manager| json!({ "manager": manager })).collect();
            json!({ "metadata": { "name": "x", "managedFields": fields } })
        };
        let companions = ["pilot-discovery".to_owned()];
        let is = |item: Value| is_written_by_others(&item, &companions);
        assert!(is(written(&["kubectl-create"])) && is(written(&["pilot-discovery", "kubectl-edit"])));
        assert!(is(written(&[])), "nobody knows whose it is");
        assert!(!is(written(&["kube-controller-manager"])) && !is(written(&["pilot-discovery"])));
    }
}
