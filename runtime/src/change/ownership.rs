//! Who owns an object and its fields: GitOps controllers, and field managers (`metadata.managedFields`).

use serde_json::Value;

use super::field::{Identity, Path, Step};

/// `metadata.managedFields` of an object.
pub fn managed_fields(object: &Value) -> Option<&Value> {
    object.pointer("/metadata/managedFields").filter(|fields| fields.as_array().is_some_and(|list| !list.is_empty()))
}

/// The field manager that owns a field, other than `but`; the one that wrote last if there are several.
///
/// Format of `fieldsV1`: `k8s.io/apimachinery/pkg/apis/meta/v1` (`f:<name>`, `k:<keys of a list item as JSON>`); a
/// node without children owns everything below it.
pub fn manager_of(object: &Value, path: &Path, but: &str) -> Option<String> {
    let entries = managed_fields(object)?.as_array()?;
    let owners = entries
        .iter()
        .filter(|entry| entry["manager"] != but && entry.get("fieldsV1").is_some_and(|tree| owns(tree, &path.0)));
    let last = owners.max_by_key(|entry| entry["time"].as_str().unwrap_or_default())?;
    last["manager"].as_str().map(Into::into)
}

fn owns(tree: &Value, path: &[Step]) -> bool {
    let Some(children) = tree.as_object() else {
        return false;
    };
    let Some((step, rest)) = path.split_first() else {
        return true;
    };
    if children.is_empty() {
        return true;
    }
    match step {
        Step::Key(key) => children.get(&format!("f:{key}")).is_some_and(|child| owns(child, rest)),
        Step::Item { by, is } => children.iter().any(|(key, child)| {
            let keys: Option<Value> = key.strip_prefix("k:").and_then(|keys| serde_json::from_str(keys).ok());
            keys.is_some_and(|keys| is_item(&keys[by.as_str()], is)) && owns(child, rest)
        }),
        Step::At(_) => false,
    }
}

fn is_item(value: &Value, is: &Identity) -> bool {
    match is {
        Identity::Number(number) => value.as_u64() == Some(*number),
        Identity::Text(text) => value.as_str() == Some(text),
    }
}

/// The GitOps controller that owns an object and would revert a change to it, in words.
///
/// Argo CD marks with the label `argocd.argoproj.io/instance` or the annotation `argocd.argoproj.io/tracking-id`
/// (<https://argo-cd.readthedocs.io/en/stable/user-guide/resource_tracking/>), Flux with the labels
/// `kustomize.toolkit.fluxcd.io/name` and `helm.toolkit.fluxcd.io/name`
/// (<https://fluxcd.io/flux/components/kustomize/kustomizations/>); both apply under field managers of their own.
pub fn gitops_owner(object: &Value) -> Option<String> {
    let metadata = object.get("metadata")?;
    let label = |key: &str| metadata.get("labels")?.get(key)?.as_str();
    let annotation = |key: &str| metadata.get("annotations")?.get(key)?.as_str();
    if let Some(instance) = label("argocd.argoproj.io/instance") {
        return Some(format!("Argo CD (application {instance})"));
    }
    if let Some(tracking) = annotation("argocd.argoproj.io/tracking-id") {
        let application = tracking.split(':').next().unwrap_or(tracking);
        return Some(format!("Argo CD (application {application})"));
    }
    for (controller, what) in [("kustomize", "Kustomization"), ("helm", "HelmRelease")] {
        let Some(name) = label(&format!("{controller}.toolkit.fluxcd.io/name")) else {
            continue;
        };
        let place = label(&format!("{controller}.toolkit.fluxcd.io/namespace"))
            .map(|namespace| format!("{namespace}/"))
            .unwrap_or_default();
        return Some(format!("Flux ({what} {place}{name})"));
    }
    let managers = managed_fields(object)?.as_array()?;
    managers.iter().find_map(|entry| match entry["manager"].as_str()? {
        manager @ ("argocd-controller" | "argocd-application-controller") => {
            Some(format!("Argo CD (field manager {manager})"))
        }
        manager @ ("kustomize-controller" | "helm-controller") => Some(format!("Flux (field manager {manager})")),
        _ => None,
    })
}
