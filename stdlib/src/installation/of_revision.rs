//! The objects of one revision beside its CRDs, webhooks and istiods: accounts, permissions, configuration, Service,
//! autoscaler.

use std::collections::HashMap;

use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::gather::Release;
use super::{Part, Sort};
use crate::kubernetes::{kinds, read};
use crate::revision::objects::{self, Permission};
use crate::revision::service_of;

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

/// The first release whose charts keep the values of an installation in a ConfigMap, as far as is known here.
const KEEPS_VALUES: Release = (1, 26);

/// The parts of a revision.
pub fn parts(revision: &str, release: Option<Release>, root: &str, found: &Found) -> Vec<Part> {
    let account = objects::account(revision, root);
    let mut parts = vec![presence(Sort::Account, &account, found)];
    for permission in objects::permissions(revision, root) {
        let pair = [&permission.role, &permission.binding];
        if permission.is_required || pair.iter().any(|one| found.contains_key(*one)) {
            let subject = if permission.is_of_readers { objects::reader(root) } else { account.clone() };
            parts.push(role(&permission.role, found));
            parts.push(binding(&permission, &subject, found));
        }
    }
    parts.push(with_data(&objects::mesh(revision, root), "mesh", found));
    parts.push(with_data(&objects::injector(revision, root), "config", found));
    let values = objects::values(revision, root);
    if release.is_some_and(|release| release >= KEEPS_VALUES) {
        parts.push(with_data(&values, "merged-values", found));
    }
    parts.push(presence(Sort::Service, &service(revision, root), found));
    let scaler = autoscaler(revision, root);
    if found.contains_key(&scaler) || is_scaled(found.get(&values)) {
        parts.push(presence(Sort::Autoscaler, &scaler, found));
    }
    parts
}

/// Whether the values of an installation ask for an autoscaler. Without them nobody knows, and none is missed.
fn is_scaled(values: Option<&Value>) -> bool {
    merged(values).is_some_and(|merged| merged["autoscaleEnabled"] == true)
}

/// Whether the values of a revision say that it is nobody's default (`defaultRevision: ""`).
pub fn has_no_default(revision: &str, root: &str, found: &Found) -> bool {
    merged(found.get(&objects::values(revision, root))).is_some_and(|merged| merged["defaultRevision"] == "")
}

fn merged(values: Option<&Value>) -> Option<Value> {
    let merged = values?.pointer("/data/merged-values")?.as_str()?;
    serde_json::from_str(merged).ok()
}

/// A role, which has to allow something.
fn role(object: &ObjectRef, found: &Found) -> Part {
    let wrong = match found.get(object) {
        None => Some("is not there".to_owned()),
        Some(role) => {
            let rules = role.get("rules").and_then(Value::as_array);
            rules.is_none_or(Vec::is_empty).then(|| "allows nothing: it has no rules".to_owned())
        }
    };
    Part { sort: Sort::Permission, name: object.to_string(), wrong }
}

/// The binding of a role, which has to give it to the account.
fn binding(permission: &Permission, account: &ObjectRef, found: &Found) -> Part {
    let wrong = match found.get(&permission.binding) {
        None => Some("is not there".to_owned()),
        Some(binding) => {
            let of_role = binding["roleRef"]["name"] == permission.role.name.as_str();
            let mut subjects = binding["subjects"].as_array().into_iter().flatten();
            let to_account = subjects.any(|one| {
                one["kind"] == "ServiceAccount"
                    && one["name"] == account.name.as_str()
                    && one["namespace"] == account.namespace.as_deref().unwrap_or_default()
            });
            (!of_role || !to_account).then(|| format!("does not give its role to {account}"))
        }
    };
    Part { sort: Sort::Permission, name: permission.binding.to_string(), wrong }
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
        let none = parts("canary", Some((1, 31)), "istio-system", &Found::new());
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
                "ConfigMap istio-system/values-canary",
                "Service istio-system/istiod-canary",
            ]
        );
        assert_eq!(none.len(), 11);
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
        let parts = parts("default", None, root, &found);
        let wrong = wrong(&parts);
        assert!(wrong.contains(&"ClusterRole istiod-gateway-controller-istio-system"), "{wrong:?}");
        assert!(wrong.contains(&"HorizontalPodAutoscaler istio-system/istiod"), "{wrong:?}");
        let gives = "ClusterRoleBinding istiod-gateway-controller-istio-system";
        let gives = parts.iter().find(|part| part.name == gives).and_then(|part| part.wrong.as_deref());
        assert_eq!(gives, Some("does not give its role to ServiceAccount istio-system/istiod"));
        let mesh = parts.iter().find(|part| part.name == "ConfigMap istio-system/istio");
        assert_eq!(mesh.and_then(|part| part.wrong.as_deref()), Some("has no `mesh`"));
    }
}
