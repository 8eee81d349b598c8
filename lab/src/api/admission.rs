//! What happens to an object between its patch and its storage: names, the kind's own rules, webhooks.

use serde_json::Value;

use super::faults::Faults;
use super::istio;
use super::status::Failure;
use super::webhooks::{self, Called};
use crate::crd::ResourceType;
use crate::crd::validate::{self, FieldError};
use crate::store::Store;

const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

/// Whether a part of a name is a label of RFC 1123.
pub(crate) fn is_label(text: &str) -> bool {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    edge(text.chars().next())
        && edge(text.chars().next_back())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
}

fn name_errors(kind: &ResourceType, name: &str) -> Vec<FieldError> {
    let only_a_label = matches!((kind.group.as_str(), kind.kind.as_str()), ("", "Namespace" | "Service"));
    let valid = if only_a_label { is_label(name) } else { name.split('.').all(is_label) };
    let longest = if only_a_label { 63 } else { 253 };
    if name.len() > longest {
        let detail = format!("must be no more than {longest} bytes");
        return vec![FieldError::invalid("metadata.name", &name.into(), &detail)];
    }
    if valid {
        Vec::new()
    } else {
        vec![FieldError::invalid("metadata.name", &name.into(), if only_a_label { LABEL } else { SUBDOMAIN })]
    }
}

/// Checks everything that a real server checks before it stores an object.
pub(crate) fn admit(
    store: &Store,
    faults: &Faults,
    kind: &ResourceType,
    live: Option<&Value>,
    object: &Value,
) -> Result<(), Failure> {
    let name = object["metadata"]["name"].as_str().unwrap_or_default();
    let mut errors = Vec::new();
    if live.is_none() {
        errors.extend(name_errors(kind, name));
    }
    errors.extend(label_errors(object));
    if kind.custom {
        errors.extend(validate::custom(&kind.schema, object));
    } else {
        errors.extend(built_in_errors(kind, live, object));
    }
    if !errors.is_empty() {
        return Err(Failure::invalid(Some(kind), name, &errors));
    }
    let called = webhooks::call(store, kind, live.is_none(), object)?;
    if kind.group.ends_with(".istio.io") && called != Called::Ignored {
        validation(faults, kind, object)
    } else {
        Ok(())
    }
}

/// What istiod's validating webhook says.
fn validation(faults: &Faults, kind: &ResourceType, object: &Value) -> Result<(), Failure> {
    if faults.webhook_unreachable {
        return Err(Failure::webhook_unreachable(
            "validation.istio.io",
            "Post \"https://istiod.istio-system.svc:443/validate?timeout=10s\": dial tcp 10.96.0.15:443: connect: connection refused",
        ));
    }
    if let Some(text) = &faults.webhook_refuses {
        return Err(Failure::webhook_denied(text));
    }
    match istio::errors(kind, object).as_slice() {
        [] => Ok(()),
        [only] => Err(Failure::webhook_denied(&format!("configuration is invalid: {only}"))),
        several => {
            let list: String = several.iter().map(|e| format!("\t* {e}\n")).collect();
            let count = several.len();
            Err(Failure::webhook_denied(&format!("configuration is invalid: {count} errors occurred:\n{list}\n")))
        }
    }
}

fn label_errors(object: &Value) -> Vec<FieldError> {
    let labels = object["metadata"]["labels"].as_object();
    let wrong = |value: &str| {
        let edge = |c: Option<char>| c.is_none_or(|c| c.is_ascii_alphanumeric());
        value.len() > 63
            || !edge(value.chars().next())
            || !edge(value.chars().next_back())
            || !value.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    };
    let detail = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
    labels
        .into_iter()
        .flatten()
        .filter(|(_, value)| value.as_str().is_some_and(wrong))
        .map(|(_, value)| FieldError::invalid("metadata.labels", value, detail))
        .collect()
}

fn built_in_errors(kind: &ResourceType, live: Option<&Value>, object: &Value) -> Vec<FieldError> {
    let mut errors = Vec::new();
    let spec = &object["spec"];
    match (kind.group.as_str(), kind.kind.as_str()) {
        ("apps", workload) => {
            if spec["replicas"].as_i64().is_some_and(|n| n < 0) {
                errors.push(FieldError::invalid(
                    "spec.replicas",
                    &spec["replicas"],
                    "must be greater than or equal to 0",
                ));
            }
            let selector = &spec["selector"];
            if selector.is_null() {
                errors.push(FieldError::required("spec.selector", ""));
            } else if live.is_some_and(|l| l["spec"]["selector"] != *selector) && workload != "ReplicaSet" {
                let message = format!("Invalid value: {selector}: field is immutable");
                errors.push(FieldError { field: "spec.selector".into(), reason: "FieldValueInvalid", message });
            } else {
                let labels = &spec["template"]["metadata"]["labels"];
                let wanted = selector["matchLabels"].as_object();
                if wanted.into_iter().flatten().any(|(key, value)| labels.get(key) != Some(value)) {
                    let shown = if labels.is_null() { "{}".to_owned() } else { labels.to_string() };
                    errors.push(FieldError {
                        field: "spec.template.metadata.labels".into(),
                        reason: "FieldValueInvalid",
                        message: format!("Invalid value: {shown}: `selector` does not match template `labels`"),
                    });
                }
            }
            containers(&spec["template"]["spec"], "spec.template.spec.containers", &mut errors);
        }
        ("", "Pod") => containers(spec, "spec.containers", &mut errors),
        ("", "Service")
            if spec["type"] != "ExternalName"
                && spec["clusterIP"] != "None"
                && spec["ports"].as_array().is_none_or(Vec::is_empty) =>
        {
            errors.push(FieldError::required("spec.ports", ""));
        }
        _ => {}
    }
    errors
}

fn containers(spec: &Value, path: &str, errors: &mut Vec<FieldError>) {
    let list = spec["containers"].as_array().map(Vec::as_slice).unwrap_or_default();
    if list.is_empty() {
        errors.push(FieldError::required(path, ""));
    }
    for (index, container) in list.iter().enumerate() {
        let name = container["name"].as_str().unwrap_or_default();
        let path = format!("{path}[{index}]");
        if name.is_empty() {
            errors.push(FieldError::required(&format!("{path}.name"), ""));
        }
        if container["image"].as_str().unwrap_or_default().is_empty() {
            errors.push(FieldError::required(&format!("{path}.image"), ""));
        }
        if list[..index].iter().any(|other| other["name"] == name) {
            let message = format!("Duplicate value: {name:?}");
            errors.push(FieldError { field: format!("{path}.name"), reason: "FieldValueDuplicate", message });
        }
    }
}
