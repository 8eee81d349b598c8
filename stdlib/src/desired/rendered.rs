//! Whether what was rendered of an object is in the one that is there, and what becomes of that one if it is laid over it.
//!
//! An API server stores an object otherwise than it was written: it adds defaults, leaves out what is empty, and writes
//! quantities in one form. And some fields are somebody else's: istiod writes its certificate into the webhooks that call it,
//! and closes those of them that check objects.

use meshbook_runtime::value::Quantity;
use serde_json::Value;

use crate::backup::clean::group;

/// Labels by which an object says which installation has written it last. CustomResourceDefinitions and accounts are shared by
/// all revisions, so they are no difference on an object that is there.
const WRITER: [&str; 9] = [
    "istio.io/rev",
    "release",
    "chart",
    "heritage",
    "helm.sh/chart",
    "app.kubernetes.io/managed-by",
    "app.kubernetes.io/instance",
    "app.kubernetes.io/version",
    "install.operator.istio.io/owning-resource",
];

/// Whether every field that was rendered is in an object.
pub fn is_in(now: &Value, rendered: &Value) -> bool {
    group(now) == group(rendered)
        && fields(rendered).all(|(key, wanted)| match key.as_str() {
            "apiVersion" | "status" => true,
            "metadata" => metadata_is_in(&now["metadata"], wanted),
            _ => holds(now.get(key), wanted, key),
        })
}

/// An object with every rendered field in it. What was not rendered stays.
pub fn laid_over(now: &Value, rendered: &Value) -> Value {
    let mut after = now.clone();
    for (key, wanted) in fields(rendered) {
        match key.as_str() {
            "apiVersion" | "kind" | "status" => {}
            "metadata" => {
                for map in ["labels", "annotations"] {
                    for (name, value) in fields(&wanted[map]) {
                        if !is_writer(map, name) || now["metadata"][map].get(name).is_none() {
                            after["metadata"][map][name] = value.clone();
                        }
                    }
                }
            }
            _ => lay(&mut after[key], wanted, key),
        }
    }
    after
}

fn fields(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn is_writer(map: &str, name: &str) -> bool {
    map == "labels" && WRITER.contains(&name)
}

fn metadata_is_in(now: &Value, wanted: &Value) -> bool {
    ["labels", "annotations"].iter().all(|map| {
        fields(&wanted[*map]).all(|(name, value)| is_writer(map, name) || now[*map].get(name) == Some(value))
    })
}

/// Whether a value holds what was rendered of it.
fn holds(now: Option<&Value>, wanted: &Value, key: &str) -> bool {
    let Some(now) = now.filter(|now| !now.is_null()) else { return is_empty(wanted) };
    match (now, wanted) {
        // istiod closes what was rendered open.
        (_, Value::String(open)) if key == "failurePolicy" && open == "Ignore" && *now == "Fail" => true,
        (Value::Object(_), Value::Object(wanted)) => {
            wanted.iter().all(|(key, wanted)| holds(now.get(key), wanted, key))
        }
        (Value::Array(now), Value::Array(wanted)) => {
            now.len() == wanted.len() && now.iter().zip(wanted).all(|(now, wanted)| holds(Some(now), wanted, key))
        }
        (Value::Number(now), Value::Number(wanted)) => now == wanted || now.as_f64() == wanted.as_f64(),
        (_, Value::String(wanted)) if key == "caBundle" && wanted.is_empty() => true,
        (now, wanted) if now == wanted => true,
        // `1000m` is stored as `1`.
        (now, wanted) => matches!((quantity(now), quantity(wanted)), (Some(one), Some(other)) if one == other),
    }
}

fn quantity(value: &Value) -> Option<i128> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    text.parse::<Quantity>().ok().map(|quantity| quantity.milli())
}

/// What an API server does not store.
fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Bool(is) => !is,
        Value::Number(number) => number.as_f64() == Some(0.0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.iter().all(Value::is_null),
        Value::Object(fields) => fields.values().all(is_empty),
    }
}

fn lay(now: &mut Value, wanted: &Value, key: &str) {
    if holds(Some(now), wanted, key) {
        return;
    }
    match (&mut *now, wanted) {
        (Value::Object(fields), Value::Object(wanted)) => {
            for (key, wanted) in wanted {
                lay(fields.entry(key.clone()).or_insert(Value::Null), wanted, key);
            }
        }
        (Value::Array(items), Value::Array(wanted)) if items.len() == wanted.len() => {
            items.iter_mut().zip(wanted).for_each(|(item, wanted)| lay(item, wanted, key));
        }
        (now, wanted) => *now = wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn deployment(cpu: &str) -> Value {
        json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": { "name": "istiod", "namespace": "istio-system", "labels": { "app": "istiod", "istio.io/rev": "default" } },
            "spec": { "template": { "spec": { "hostNetwork": false, "volumes": [], "containers": [
                { "name": "discovery", "image": "pilot:1.31.0", "resources": { "requests": { "cpu": cpu } }, "env": [] },
            ] } } },
        })
    }

    fn stored() -> Value {
        let mut stored = deployment("1");
        stored["metadata"]["uid"] = "1".into();
        stored["metadata"]["labels"]["team"] = "a".into();
        stored["spec"]["replicas"] = 2.into();
        stored["spec"]["template"]["spec"] = json!({ "schedulerName": "default-scheduler", "containers": [
            { "name": "discovery", "image": "pilot:1.31.0", "imagePullPolicy": "Always", "resources": { "requests": { "cpu": "1" } } },
        ] });
        stored
    }

    #[test]
    fn what_servers_add_and_leave_out_is_no_difference() {
        assert!(is_in(&stored(), &deployment("1000m")));
        assert_eq!(laid_over(&stored(), &deployment("1000m")), stored());
    }

    #[test]
    fn a_rendered_field_that_is_otherwise_is_set_and_the_rest_stays() {
        let rendered = deployment("2");
        assert!(!is_in(&stored(), &rendered));
        let after = laid_over(&stored(), &rendered);
        assert!(is_in(&after, &rendered));
        assert_eq!(after["spec"]["replicas"], 2);
        assert_eq!(after["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"], "Always");
        assert_eq!(after["metadata"]["labels"]["team"], "a");
    }

    #[test]
    fn a_list_with_another_number_of_items_is_otherwise() {
        let mut rendered = deployment("1");
        rendered["spec"]["template"]["spec"]["containers"][0]["args"] = json!(["discovery", "--log"]);
        assert!(!is_in(&stored(), &rendered));
        let after = laid_over(&stored(), &rendered);
        assert_eq!(after["spec"]["template"]["spec"]["containers"][0]["args"], json!(["discovery", "--log"]));
    }

    #[test]
    fn what_istiod_writes_into_its_webhooks_is_its_own() {
        let of = |policy: &str, bundle: Value| {
            let mut one = json!({ "apiVersion": "admissionregistration.k8s.io/v1", "kind": "ValidatingWebhookConfiguration",
                "metadata": { "name": "v" }, "webhooks": [{ "name": "a", "failurePolicy": policy, "clientConfig": { "service": { "name": "istiod" } } }] });
            if !bundle.is_null() {
                one["webhooks"][0]["clientConfig"]["caBundle"] = bundle;
            }
            one
        };
        assert!(is_in(&of("Fail", "eA==".into()), &of("Ignore", Value::Null)));
        assert!(is_in(&of("Fail", "eA==".into()), &of("Ignore", "".into())));
        assert!(!is_in(&of("Ignore", "eA==".into()), &of("Fail", Value::Null)), "one that was rendered closed");
        let mut moved = of("Ignore", Value::Null);
        moved["webhooks"][0]["clientConfig"]["service"]["name"] = "istiod-canary".into();
        let after = laid_over(&of("Fail", "eA==".into()), &moved);
        assert_eq!(
            after["webhooks"][0]["clientConfig"],
            json!({ "service": { "name": "istiod-canary" }, "caBundle": "eA==" })
        );
        assert_eq!(after["webhooks"][0]["failurePolicy"], "Fail");
    }

    #[test]
    fn who_wrote_a_shared_object_last_is_no_difference() {
        let mut other = deployment("1");
        other["metadata"]["labels"]["istio.io/rev"] = "canary".into();
        assert!(is_in(&stored(), &other));
        assert_eq!(laid_over(&stored(), &other), stored());
        other["metadata"]["labels"]["app"] = "other".into();
        assert!(!is_in(&stored(), &other));
    }
}
