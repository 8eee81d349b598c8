//! Label selectors inside objects (`metav1.LabelSelector`): `matchLabels` and `matchExpressions`.

use serde_json::Value;

/// Whether labels fit a selector. An empty one fits everything; one that is absent fits nothing.
pub fn fits(selector: &Value, labels: &Value) -> bool {
    let Some(selector) = selector.as_object() else { return false };
    let label = |key: &str| labels[key].as_str();
    let equal = selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten();
    let expressions = selector.get("matchExpressions").and_then(Value::as_array).into_iter().flatten();
    equal.into_iter().all(|(key, value)| label(key) == value.as_str())
        && expressions.into_iter().all(|one| {
            let found = one["key"].as_str().and_then(label);
            let among = |value: &str| one["values"].as_array().is_some_and(|all| all.iter().any(|v| v == value));
            match one["operator"].as_str() {
                Some("In") => found.is_some_and(among),
                Some("NotIn") => !found.is_some_and(among),
                Some("Exists") => found.is_some(),
                Some("DoesNotExist") => found.is_none(),
                _ => false,
            }
        })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_four_operators() {
        let labels = json!({"app": "istiod", "istio.io/rev": "default"});
        let one = |operator: &str, values: Value| {
            fits(&json!({"matchExpressions": [{"key": "app", "operator": operator, "values": values}]}), &labels)
        };
        assert!(one("In", json!(["istiod", "other"])) && !one("NotIn", json!(["istiod"])));
        assert!(one("Exists", Value::Null) && !one("DoesNotExist", Value::Null));
        assert!(fits(&json!({}), &labels) && !fits(&Value::Null, &labels));
        assert!(!fits(&json!({"matchLabels": {"app": "pilot"}}), &labels));
    }
}
