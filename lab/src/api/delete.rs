//! Deleting: preconditions, dry run, finalizers, and what belonged to the deleted object.

use axum::body::Bytes;
use http::HeaderMap;
use serde_json::{Value, json};

use super::Api;
use super::read;
use super::request::{self, Query, Target, WriteOptions};
use super::selector::Selector;
use super::status::{Failure, success};
use crate::crd::{Catalog, ResourceType};
use crate::store::Object;

struct DeleteOptions {
    dry_run: bool,
    orphan: bool,
    resource_version: Option<String>,
    uid: Option<String>,
}

impl DeleteOptions {
    fn of(options: &WriteOptions, query: &Query, headers: &HeaderMap, body: &Bytes) -> Result<DeleteOptions, Failure> {
        let given = if body.is_empty() { json!({}) } else { request::object(headers, body)? };
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let policy = text(&given["propagationPolicy"]).or_else(|| query.get("propagationPolicy").map(str::to_owned));
        Ok(DeleteOptions {
            dry_run: options.dry_run || given["dryRun"].as_array().is_some_and(|d| d.iter().any(|v| v == "All")),
            orphan: policy.as_deref() == Some("Orphan") || given["orphanDependents"] == true,
            resource_version: text(&given["preconditions"]["resourceVersion"]),
            uid: text(&given["preconditions"]["uid"]),
        })
    }
}

/// `DELETE` of one object. Returns the `Status`, or the object if it stays for now.
pub(crate) fn delete(
    api: &Api,
    target: &Target,
    options: &WriteOptions,
    query: &Query,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Value, Failure> {
    let wanted = DeleteOptions::of(options, query, headers, body)?;
    let kind = &target.kind;
    loop {
        let live = read::find(&api.store, target)?;
        check(kind, target.name(), &live, &wanted)?;
        if remove(api, kind, &live, &wanted)? {
            break match kind.kind.as_str() {
                "Pod" if kind.group.is_empty() => Ok((*live).clone()),
                _ => Ok(done(kind, &live)),
            };
        }
        if let Some(object) = api.store.get(&kind.group, &kind.plural, target.namespace(), target.name())
            && !object["metadata"]["deletionTimestamp"].is_null()
        {
            return Ok((*object).clone());
        }
    }
}

fn done(kind: &ResourceType, live: &Value) -> Value {
    let mut details = json!({"name": live["metadata"]["name"]});
    if !kind.group.is_empty() {
        details["group"] = kind.group.clone().into();
    }
    details["kind"] = kind.plural.clone().into();
    details["uid"] = live["metadata"]["uid"].clone();
    success(Some(details))
}

fn check(kind: &ResourceType, name: &str, live: &Value, wanted: &DeleteOptions) -> Result<(), Failure> {
    let differs = |what: &str, asked: &Option<String>, field: &str| {
        let found = live["metadata"][field].as_str().unwrap_or_default();
        match asked {
            Some(asked) if asked != found => {
                let text = format!(
                    "the {what} in the precondition ({asked}) does not match the {what} in record ({found}). The object might have been {}",
                    if field == "uid" { "deleted and then recreated" } else { "modified" }
                );
                Err(Failure::precondition(kind, name, &text))
            }
            _ => Ok(()),
        }
    };
    differs("UID", &wanted.uid, "uid")?;
    differs("ResourceVersion", &wanted.resource_version, "resourceVersion")
}

/// Removes an object and what it owns. `false`: it has changed, or stays until its finalizers are gone.
fn remove(api: &Api, kind: &ResourceType, live: &Object, wanted: &DeleteOptions) -> Result<bool, Failure> {
    if wanted.dry_run {
        return Ok(true);
    }
    let finalizers = live["metadata"]["finalizers"].as_array().is_some_and(|f| !f.is_empty());
    if finalizers || is_ended_by_its_node(kind, live) {
        if live["metadata"]["deletionTimestamp"].is_null() {
            let mut leaving = (**live).clone();
            leaving["metadata"]["deletionTimestamp"] = api.store.now().into();
            leaving["metadata"]["deletionGracePeriodSeconds"] = 0.into();
            // If somebody else was faster, the caller looks again.
            let _ = api.store.commit(kind, Some(live), leaving);
        }
        return Ok(false);
    }
    if api.store.remove(kind, live).is_err() {
        return Ok(false);
    }
    if kind.group.is_empty() && kind.kind == "Namespace" {
        empty_namespace(api, live["metadata"]["name"].as_str().unwrap_or_default());
    }
    if !wanted.orphan {
        collect_dependents(api, &live["metadata"]["uid"]);
    }
    Ok(true)
}

/// Whether a node has to end the object first. Pods of a controller go at once here: what matters is who follows them.
fn is_ended_by_its_node(kind: &ResourceType, live: &Object) -> bool {
    kind.group.is_empty()
        && kind.kind == "Pod"
        && live["spec"]["nodeName"].is_string()
        && live["metadata"]["ownerReferences"].is_null()
}

fn empty_namespace(api: &Api, namespace: &str) {
    for kind in Catalog::get().types().iter().filter(|k| k.namespaced && k.is_stored()) {
        for object in api.store.list(&kind.group, &kind.plural, Some(namespace)) {
            let name = object["metadata"]["name"].as_str().unwrap_or_default();
            api.store.delete(&kind.group, &kind.plural, namespace, name);
        }
    }
}

/// Deletes what names the deleted object as its owner, and so on: the garbage collector's work.
fn collect_dependents(api: &Api, owner: &Value) {
    for kind in Catalog::get().types().iter().filter(|k| k.is_stored()) {
        for object in api.store.list(&kind.group, &kind.plural, None) {
            let owners = object["metadata"]["ownerReferences"].as_array();
            if owners.is_some_and(|o| o.len() == 1 && o[0]["uid"] == *owner) {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
                api.store.delete(&kind.group, &kind.plural, &namespace, &name);
                collect_dependents(api, &object["metadata"]["uid"]);
            }
        }
    }
}

/// `DELETE` of a collection. Returns what was selected.
pub(crate) fn delete_collection(
    api: &Api,
    target: &Target,
    options: &WriteOptions,
    query: &Query,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Vec<Object>, Failure> {
    let wanted = DeleteOptions::of(options, query, headers, body)?;
    let selector = Selector::of(&target.kind, query)?;
    let (objects, _) = api.store.snapshot(&target.kind, target.namespace.as_deref());
    let selected: Vec<Object> = objects.into_iter().filter(|o| selector.matches(o)).collect();
    for object in &selected {
        remove(api, &target.kind, object, &wanted)?;
    }
    Ok(selected)
}
