//! Label selectors inside objects (`metav1.LabelSelector`): `matchLabels` and `matchExpressions`.

use std::collections::BTreeMap;

use serde_json::Value;

/// Labels of an object.
pub type Labels = BTreeMap<String, String>;

/// Whether labels fit a selector. An empty selector fits all; whether an absent one does is the caller's to say.
pub fn fits(selector: &Value, labels: &Labels) -> bool {
    let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let mut equal = equal.map(|(key, value)| labels.get(key).map(String::as_str) == value.as_str());
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    let mut expressions = expressions.map(|one| {
        let found = one.get("key").and_then(Value::as_str).and_then(|key| labels.get(key));
        let values = one.get("values").and_then(Value::as_array);
        let among =
            |found: &String| values.is_some_and(|values| values.iter().any(|value| value.as_str() == Some(found)));
        match one.get("operator").and_then(Value::as_str) {
            Some("In") => found.is_some_and(among),
            Some("NotIn") => !found.is_some_and(among),
            Some("Exists") => found.is_some(),
            Some("DoesNotExist") => found.is_none(),
            // An operator that nobody knows selects nothing.
            _ => false,
        }
    });
    equal.all(|fits| fits) && expressions.all(|fits| fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn operators_and_equalities_hold_together() {
        let labels = Labels::from([("app".into(), "istiod".into()), ("istio.io/rev".into(), "default".into())]);
        let one = |operator: &str, values: Value| {
            fits(&json!({ "matchExpressions": [{ "key": "app", "operator": operator, "values": values }] }), &labels)
        };
        assert!(one("In", json!(["istiod"])) && !one("NotIn", json!(["istiod"])) && !one("Like", json!(["istiod"])));
        assert!(one("Exists", json!(null)) && !one("DoesNotExist", json!(null)));
        assert!(fits(&json!({}), &labels));
        assert!(!fits(&json!({ "matchLabels": { "app": "istiod", "istio": "pilot" } }), &labels));
    }
}
