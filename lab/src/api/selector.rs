//! Label and field selectors of list and watch requests.

use serde_json::Value;

use super::request::Query;
use super::status::Failure;
use crate::crd::ResourceType;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Requirement {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Exists(String),
    Missing(String),
}

/// Which objects a list or a watch is about.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<Requirement>,
    /// Path, value, and whether it must be equal.
    fields: Vec<(String, String, bool)>,
}

impl Selector {
    pub(crate) fn of(kind: &ResourceType, query: &Query) -> Result<Selector, Failure> {
        Ok(Selector {
            labels: labels(query.get("labelSelector").unwrap_or_default())?,
            fields: fields(kind, query.get("fieldSelector").unwrap_or_default())?,
        })
    }

    /// Only the object of that name.
    pub(crate) fn named(name: &str) -> Selector {
        Selector { labels: Vec::new(), fields: vec![("metadata.name".into(), name.to_owned(), true)] }
    }

    pub(crate) fn matches(&self, object: &Value) -> bool {
        let label = |key: &str| object["metadata"]["labels"].get(key).and_then(Value::as_str);
        let labels = self.labels.iter().all(|requirement| match requirement {
            Requirement::In(key, values) => label(key).is_some_and(|v| values.iter().any(|w| w == v)),
            Requirement::NotIn(key, values) => label(key).is_none_or(|v| !values.iter().any(|w| w == v)),
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Missing(key) => label(key).is_none(),
        });
        labels && self.fields.iter().all(|(path, value, equal)| (field(object, path) == *value) == *equal)
    }
}

fn field(object: &Value, path: &str) -> String {
    let found = path.split('.').fold(object, |value, name| &value[name]);
    match found {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}

fn labels(text: &str) -> Result<Vec<Requirement>, Failure> {
    let invalid = || Failure::bad_request(format!("unable to parse requirement: {text:?} is no label selector"));
    split(text).iter().map(|part| requirement(part).ok_or_else(invalid)).collect()
}

/// Splits at commas that are not inside parentheses.
fn split(text: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, letter) in text.char_indices() {
        match letter {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts.into_iter().map(str::trim).filter(|part| !part.is_empty()).collect()
}

fn requirement(text: &str) -> Option<Requirement> {
    let one = |value: &str| vec![value.trim().to_owned()];
    let key = |key: &str| {
        let key = key.trim();
        let ok = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        ok.then(|| key.to_owned())
    };
    if let Some((name, list)) = text.strip_suffix(')').and_then(|t| t.split_once('(')) {
        let values = list.split(',').map(|v| v.trim().to_owned()).collect();
        let (name, operator) = name.trim().split_once(char::is_whitespace)?;
        return match operator.trim() {
            "in" => Some(Requirement::In(key(name)?, values)),
            "notin" => Some(Requirement::NotIn(key(name)?, values)),
            _ => None,
        };
    }
    if let Some((name, value)) = text.split_once("!=") {
        return Some(Requirement::NotIn(key(name)?, one(value)));
    }
    if let Some((name, value)) = text.split_once("==").or_else(|| text.split_once('=')) {
        return Some(Requirement::In(key(name)?, one(value)));
    }
    match text.strip_prefix('!') {
        Some(name) => Some(Requirement::Missing(key(name)?)),
        None => Some(Requirement::Exists(key(text)?)),
    }
}

fn fields(kind: &ResourceType, text: &str) -> Result<Vec<(String, String, bool)>, Failure> {
    let supported: &[&str] = match (kind.group.as_str(), kind.kind.as_str()) {
        ("", "Pod") => &[
            "spec.nodeName",
            "spec.restartPolicy",
            "spec.schedulerName",
            "spec.serviceAccountName",
            "status.phase",
            "status.podIP",
            "status.nominatedNodeName",
        ],
        ("", "Namespace") => &["status.phase"],
        ("", "Secret") => &["type"],
        ("", "Node") => &["spec.unschedulable"],
        ("", "Service") => &["spec.clusterIP", "spec.type"],
        ("apps", "ReplicaSet") => &["status.replicas"],
        ("", "Event") => &[
            "involvedObject.kind",
            "involvedObject.namespace",
            "involvedObject.name",
            "involvedObject.uid",
            "involvedObject.apiVersion",
            "involvedObject.resourceVersion",
            "involvedObject.fieldPath",
            "reason",
            "reportingComponent",
            "source",
            "type",
        ],
        ("events.k8s.io", "Event") => {
            &["regarding.kind", "regarding.namespace", "regarding.name", "regarding.uid", "reason", "type"]
        }
        _ => &[],
    };
    text.split(',')
        .filter(|part| !part.is_empty())
        .map(|part| {
            let (path, value, equal) = part
                .split_once("!=")
                .map(|(path, value)| (path, value, false))
                .or_else(|| {
                    part.split_once("==").or_else(|| part.split_once('=')).map(|(path, value)| (path, value, true))
                })
                .ok_or_else(|| {
                    Failure::bad_request(format!("invalid selector: '{text}'; can't understand '{part}'"))
                })?;
            if !matches!(path, "metadata.name" | "metadata.namespace") && !supported.contains(&path) {
                return Err(Failure::bad_request(format!("field label not supported: {path}")));
            }
            Ok((path.to_owned(), value.to_owned(), equal))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;
    use serde_json::json;

    fn picks(selector: &str) -> bool {
        let object = json!({"metadata": {"labels": {"app": "graph-core", "version": "v1"}}});
        Selector { labels: labels(selector).unwrap(), fields: Vec::new() }.matches(&object)
    }

    #[test]
    fn label_selectors_mean_what_kubectl_says() {
        for yes in
            ["app=graph-core", "app==graph-core,version!=v2", "app in (front, graph-core)", "version", "!canary", ""]
        {
            assert!(picks(yes), "{yes}");
        }
        for no in ["app=front", "app notin (graph-core),version", "!app", "canary", "missing=x"] {
            assert!(!picks(no), "{no}");
        }
        assert!(labels("app in graph-core").is_err());
    }

    #[test]
    fn only_some_fields_can_be_selected() {
        let pods = crate::crd::Catalog::get().by_plural("", "pods").unwrap();
        assert!(fields(pods, "spec.nodeName=a,metadata.name!=b").is_ok());
        assert!(fields(pods, "spec.hostname=a").is_err());
    }
}
