//! Who owns an object and its fields: GitOps controllers, and field managers (`metadata.managedFields`).

use serde_json::Value;

use super::field::{Identity, Path, Step};

/// `metadata.managedFields` of an object.
pub fn managed_fields(object: &Value) -> Option<&Value> {
    object.pointer("/metadata/managedFields").filter(|fields| fields.as_array().is_some_and(|list| !list.is_empty()))
}

/// What `metadata.managedFields` has to become after a change was taken back, so that everybody owns what they owned
/// before it; `None` if somebody else has taken fields meanwhile, or it cannot be told.
///
/// `changed` is the object before and after the change, `undone` before and after the undo, `now` as it is at present.
///
/// A controller writes the status of its object within moments of a change, and again of its undo, which gives its
/// entry another time (`k8s.io/apimachinery/pkg/util/managedfields`). Such entries, those of subresource `status`, own
/// nothing that a change of the object sets. So they are left as they are, and only the others are put back. Nor does it
/// matter when `own`, our own field manager, wrote last: the undo of a later change gives it another time, see [`is_alike`].
pub fn before(changed: (&Value, &Value), undone: (&Value, &Value), now: &Value, own: &str) -> Option<Value> {
    let changed = (Owners::of(changed.0), Owners::of(changed.1));
    let undone = (Owners::of(undone.0), Owners::of(undone.1));
    let now = Owners::of(now);
    let is_untouched = |some: &[&Value], others: &[&Value]| {
        let alike =
            |one: &Value, other: &Value| one == other || (one["manager"] == own && but_time(one) == but_time(other));
        some.len() == others.len() && some.iter().zip(others).all(|(one, other)| alike(one, other))
    };
    if !is_untouched(&changed.1.fields, &undone.0.fields) || !is_untouched(&undone.1.fields, &now.fields) {
        return None;
    }
    let status = if changed.1.status == undone.0.status && undone.1.status == now.status {
        // No controller has written: what the change took from the owner of a status is given back too.
        changed.0.status
    } else if changed.0.status == changed.1.status && undone.0.status == undone.1.status {
        now.status
    } else {
        return None;
    };
    Some(changed.0.fields.into_iter().chain(status).cloned().collect())
}

/// Whether the fields of two objects have the same owners. When each wrote last is not compared: where nothing else differs,
/// the server keeps the times that it has (`ignoreManagedFieldsTimestampsTransformer` of `k8s.io/apiserver`), so what our own
/// field manager owned before a change gets the time of its undo.
pub fn is_alike(one: &Value, other: &Value) -> bool {
    let (one, other) = (Owners::of(one), Owners::of(other));
    are_alike(&one.fields, &other.fields) && are_alike(&one.status, &other.status)
}

fn are_alike(some: &[&Value], others: &[&Value]) -> bool {
    some.len() == others.len() && some.iter().zip(others).all(|(one, other)| but_time(one) == but_time(other))
}

fn but_time(entry: &Value) -> Value {
    let mut entry = entry.clone();
    if let Some(entry) = entry.as_object_mut() {
        entry.remove("time");
    }
    entry
}

/// The entries of `metadata.managedFields`, each kind in the server's order.
struct Owners<'a> {
    /// Of the object itself, and of subresources such as `scale` that set its fields.
    fields: Vec<&'a Value>,
    /// Of its status.
    status: Vec<&'a Value>,
}

impl<'a> Owners<'a> {
    fn of(object: &'a Value) -> Self {
        let entries = managed_fields(object).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let (status, fields) = entries.iter().partition(|entry| entry["subresource"] == "status");
        Owners { fields, status }
    }
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
