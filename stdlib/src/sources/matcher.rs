//! `proxyStatsMatcher` in the annotation `proxy.istio.io/config`: which of Envoy's statistics a pod's proxy exports.
//!
//! Format: `istio.mesh.v1alpha1.ProxyConfig` as YAML. A matcher in the annotation takes the place of the mesh's own, so
//! the mesh's expressions are kept by writing them too.

use serde_json::{Map, Value, json};

/// The annotation.
pub const ANNOTATION: &str = "proxy.istio.io/config";

/// What the runbooks read: requests, connections, limits, ejections.
pub const EXPRESSIONS: [&str; 4] =
    [".*upstream_rq.*", ".*upstream_cx.*", ".*circuit_breakers.*", ".*outlier_detection.*"];

/// Names of the matcher's lists.
const LISTS: [&str; 3] = ["inclusionRegexps", "inclusionPrefixes", "inclusionSuffixes"];

/// The annotation's text with a matcher that lets [`EXPRESSIONS`] through as well; `None` if it does already. `mesh` is
/// `defaultConfig.proxyStatsMatcher` of the mesh.
///
/// # Errors
/// A sentence that says why the annotation cannot be read.
pub fn with(annotation: &str, mesh: &Value) -> Result<Option<String>, String> {
    let mut config: Value = if annotation.trim().is_empty() {
        json!({})
    } else {
        serde_saphyr::from_str(annotation)
            .map_err(|error| format!("its annotation {ANNOTATION} is not YAML: {error}"))?
    };
    if config.is_null() {
        config = json!({});
    }
    let fields = config.as_object_mut().ok_or_else(|| format!("its annotation {ANNOTATION} is no map"))?;
    let own = fields.get("proxyStatsMatcher").filter(|matcher| !matcher.is_null()).cloned();
    let base = own.as_ref().unwrap_or(mesh);
    let mut matcher = Map::new();
    for list in LISTS {
        let kept: Vec<Value> = base.get(list).and_then(Value::as_array).cloned().unwrap_or_default();
        if !kept.is_empty() {
            matcher.insert(list.into(), Value::Array(kept));
        }
    }
    let expressions = matcher.entry("inclusionRegexps").or_insert_with(|| json!([]));
    let expressions = expressions.as_array_mut().ok_or("inclusionRegexps is no list")?;
    for wanted in EXPRESSIONS {
        if !expressions.iter().any(|known| known == wanted) {
            expressions.push(json!(wanted));
        }
    }
    let matcher = Value::Object(matcher);
    if own.as_ref() == Some(&matcher) {
        return Ok(None);
    }
    fields.insert("proxyStatsMatcher".into(), matcher);
    serde_saphyr::to_string(&config).map(Some).map_err(|error| format!("the annotation cannot be written: {error}"))
}

/// `defaultConfig.proxyStatsMatcher` of the mesh configuration, which is YAML; null if there is none.
pub fn of_mesh(mesh: &str) -> Value {
    let config: Value = serde_saphyr::from_str(mesh).unwrap_or_default();
    config.pointer("/defaultConfig/proxyStatsMatcher").cloned().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn matcher(annotation: &str, mesh: &str) -> Value {
        let text = with(annotation, &of_mesh(mesh)).expect("YAML").expect("a change");
        serde_saphyr::from_str::<Value>(&text).expect("YAML")
    }

    #[test]
    fn what_was_there_stays() {
        let config = matcher("concurrency: 4\nproxyStatsMatcher:\n  inclusionPrefixes: [server]\n", "");
        assert_eq!(config["concurrency"], 4);
        assert_eq!(config["proxyStatsMatcher"]["inclusionPrefixes"], json!(["server"]));
        assert_eq!(config["proxyStatsMatcher"]["inclusionRegexps"], json!(EXPRESSIONS));
        let mesh = "defaultConfig:\n  proxyStatsMatcher:\n    inclusionRegexps: ['.*own.*']\n";
        assert_eq!(matcher("", mesh)["proxyStatsMatcher"]["inclusionRegexps"][0], ".*own.*");
        assert!(with("[1]", &Value::Null).is_err() && with("a: [", &Value::Null).is_err());
    }

    #[test]
    fn twice_is_once() {
        let once = with("", &Value::Null).expect("YAML").expect("a change");
        assert_eq!(with(&once, &Value::Null), Ok(None));
    }

    proptest! {
        #[test]
        fn nothing_panics_and_it_is_idempotent(text in "[a-z: \\n\\[\\]{}'-]{0,40}") {
            let _ = of_mesh(&text);
            if let Ok(Some(once)) = with(&text, &Value::Null) {
                prop_assert_eq!(with(&once, &Value::Null), Ok(None));
            }
        }
    }
}
