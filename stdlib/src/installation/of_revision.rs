//! The objects of one revision beside its CRDs, webhooks and istiods: accounts, permissions, configuration, Service,
//! autoscaler.

use std::collections::HashMap;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::{Part, Sort};
use crate::kubernetes::{kinds, read};
use crate::revision::{objects, service_of};

/// The objects that were asked for by name, and are there.
pub type Found = HashMap<ObjectRef, Value>;

/// Reads every object of the revisions that is known by its name.
///
/// # Errors
/// What every read of the API server can end in.
pub fn find<'a>(run: &Run, revisions: impl Iterator<Item = &'a String>, root: &str) -> Result<Found, Failure> {
    let mut wanted = vec![objects::reader(root)];
    for revision in revisions {
        wanted.push(objects::account(revision, root));
        wanted.extend(objects::permissions(revision, root).into_iter().flat_map(|one| [one.role, one.binding]));
        wanted.extend([objects::mesh(revision, root), objects::injector(revision, root)]);
        wanted.push(objects::values(revision, root));
        wanted.extend([service(revision, root), autoscaler(revision, root)]);
    }
    let found = read::find_all(run, wanted)?.into_iter();
    Ok(found.filter_map(|(object, now)| Some((object, now?))).collect())
}

fn service(revision: &str, root: &str) -> ObjectRef {
    ObjectRef::new(kinds::service(), root, &service_of(revision))
}

fn autoscaler(revision: &str, root: &str) -> ObjectRef {
    ObjectRef::new(kinds::autoscaler(), root, &service_of(revision))
}

/// What every revision shares.
pub fn shared(root: &str, found: &Found) -> Part {
    presence(Sort::Account, &objects::reader(root), found)
}

/// The parts of a revision.
pub fn parts(revision: &str, root: &str, found: &Found) -> Vec<Part> {
    let mut parts = vec![presence(Sort::Account, &objects::account(revision, root), found)];
    for permission in objects::permissions(revision, root) {
        let pair = [&permission.role, &permission.binding];
        if permission.is_required || pair.iter().any(|one| found.contains_key(*one)) {
            parts.extend(pair.map(|one| presence(Sort::Permission, one, found)));
        }
    }
    parts.push(with_data(&objects::mesh(revision, root), "mesh", found));
    parts.push(with_data(&objects::injector(revision, root), "config", found));
    parts.push(presence(Sort::Service, &service(revision, root), found));
    let scaler = autoscaler(revision, root);
    if found.contains_key(&scaler) || is_scaled(found.get(&objects::values(revision, root))) {
        parts.push(presence(Sort::Autoscaler, &scaler, found));
    }
    parts
}

/// Whether the values of an installation ask for an autoscaler. Without them nobody knows, and none is missed.
fn is_scaled(values: Option<&Value>) -> bool {
    let merged = values.and_then(|map| map.pointer("/data/merged-values")).and_then(Value::as_str);
    let merged: Option<Value> = merged.and_then(|text| serde_json::from_str(text).ok());
    merged.is_some_and(|merged| merged.get("autoscaleEnabled").and_then(Value::as_bool) == Some(true))
}

fn presence(sort: Sort, object: &ObjectRef, found: &Found) -> Part {
    let wrong = (!found.contains_key(object)).then(|| "is not there".to_owned());
    Part { sort, name: object.to_string(), wrong }
}

fn with_data(object: &ObjectRef, key: &str, found: &Found) -> Part {
    let wrong = match found.get(object) {
        None => Some("is not there".to_owned()),
        Some(map) => {
            let text = map.pointer(&format!("/data/{key}")).and_then(Value::as_str).unwrap_or_default();
            text.trim().is_empty().then(|| format!("has no `{key}`"))
        }
    };
    Part { sort: Sort::Configuration, name: object.to_string(), wrong }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn wrong(parts: &[Part]) -> Vec<&str> {
        parts.iter().filter(|part| part.wrong.is_some()).map(|part| part.name.as_str()).collect()
    }

    #[test]
    fn every_object_that_is_not_there_is_named() {
        let none = parts("canary", "istio-system", &Found::new());
        assert_eq!(
            wrong(&none),
            [
                "ServiceAccount istio-system/istiod-canary",
                "ClusterRole istio-reader-clusterrole-canary-istio-system",
                "ClusterRoleBinding istio-reader-clusterrole-canary-istio-system",
                "ClusterRole istiod-clusterrole-canary-istio-system",
                "ClusterRoleBinding istiod-clusterrole-canary-istio-system",
                "Role istio-system/istiod-canary",
                "RoleBinding istio-system/istiod-canary",
                "ConfigMap istio-system/istio-canary",
                "ConfigMap istio-system/istio-sidecar-injector-canary",
                "Service istio-system/istiod-canary",
            ]
        );
        assert_eq!(none.len(), 10);
    }

    #[test]
    fn half_a_permission_and_an_autoscaler_that_the_values_ask_for_are_missed() {
        let root = "istio-system";
        let binding = objects::permissions("default", root).remove(2).binding;
        assert_eq!(binding.name, "istiod-gateway-controller-istio-system");
        let values = json!({ "data": { "merged-values": "{\"autoscaleEnabled\": true}" } });
        let mesh = json!({ "data": { "mesh": " " } });
        let found = Found::from([
            (binding, json!({})),
            (objects::values("default", root), values),
            (objects::mesh("default", root), mesh),
        ]);
        let parts = parts("default", root, &found);
        let wrong = wrong(&parts);
        assert!(wrong.contains(&"ClusterRole istiod-gateway-controller-istio-system"), "{wrong:?}");
        assert!(wrong.contains(&"HorizontalPodAutoscaler istio-system/istiod"), "{wrong:?}");
        assert!(!wrong.contains(&"ClusterRoleBinding istiod-gateway-controller-istio-system"), "{wrong:?}");
        let mesh = parts.iter().find(|part| part.name == "ConfigMap istio-system/istio");
        assert_eq!(mesh.and_then(|part| part.wrong.as_deref()), Some("has no `mesh`"));
    }
}
