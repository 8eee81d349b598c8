//! The `scale` subresource: replicas of Deployments, ReplicaSets and StatefulSets as `autoscaling/v1` Scale.

use axum::body::{Body, Bytes};
use http::{HeaderMap, Response, StatusCode};
use serde_json::{Value, json};

use super::Api;
use super::patch::{self, PatchKind};
use super::read;
use super::request::{self, Target, WriteOptions};
use super::status::Failure;
use crate::crd::Schema;
use crate::crd::validate::FieldError;
use crate::store::managed::{self, Writer};

/// The object's size as a Scale.
fn scale_of(object: &Value) -> Value {
    let metadata = &object["metadata"];
    let mut shown = json!({});
    for field in ["name", "namespace", "uid", "resourceVersion", "creationTimestamp"] {
        if let Some(value) = metadata.get(field) {
            shown[field] = value.clone();
        }
    }
    let mut spec = json!({});
    if let Some(replicas) = object["spec"]["replicas"].as_i64().filter(|n| *n != 0) {
        spec["replicas"] = replicas.into();
    }
    let mut status = json!({"replicas": object["status"]["replicas"].as_i64().unwrap_or(0)});
    let selector = selector_text(&object["spec"]["selector"]);
    if !selector.is_empty() {
        status["selector"] = selector.into();
    }
    json!({"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": shown, "spec": spec, "status": status})
}

/// A label selector in the text form of query parameters.
pub(crate) fn selector_text(selector: &Value) -> String {
    let equal = selector["matchLabels"].as_object().into_iter().flatten();
    let mut parts: Vec<String> =
        equal.map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default())).collect();
    for expression in selector["matchExpressions"].as_array().into_iter().flatten() {
        let key = expression["key"].as_str().unwrap_or_default();
        let values: Vec<&str> =
            expression["values"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        parts.push(match expression["operator"].as_str().unwrap_or_default() {
            "In" => format!("{key} in ({})", values.join(",")),
            "NotIn" => format!("{key} notin ({})", values.join(",")),
            "DoesNotExist" => format!("!{key}"),
            _ => key.to_owned(),
        });
    }
    parts.sort();
    parts.join(",")
}

pub(crate) fn get(api: &Api, target: &Target) -> Result<Response<Body>, Failure> {
    let object = read::find(&api.store, target)?;
    Ok(read::answer(StatusCode::OK, &scale_of(&object)))
}

pub(crate) fn write(
    api: &Api,
    target: &Target,
    options: &WriteOptions,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, Failure> {
    loop {
        let live = read::find(&api.store, target)?;
        let scale = scale_of(&live);
        let wanted = if target.verb == "update" {
            request::object(headers, body)?
        } else {
            let kind = PatchKind::of(request::content_type(headers), false)?;
            let body =
                if kind == PatchKind::Apply { Bytes::from(request::yaml(body)?.to_string()) } else { body.clone() };
            patch::patched(kind, &Schema::anything(), &scale, &body)?
        };
        let asked = wanted["metadata"]["resourceVersion"].as_str().unwrap_or_default();
        if !asked.is_empty() && live["metadata"]["resourceVersion"] != asked {
            return Err(Failure::modified(&target.kind, target.name()));
        }
        let replicas = match &wanted["spec"]["replicas"] {
            Value::Null => 0,
            number => number.as_i64().ok_or_else(|| {
                Failure::bad_request("Scale in version \"v1\" cannot be handled as a Scale: json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32")
            })?,
        };
        if replicas < 0 {
            let error = FieldError::invalid("spec.replicas", &replicas.into(), "must be greater than or equal to 0");
            return Err(Failure::invalid(Some(&target.kind), target.name(), &[error]));
        }
        let mut new = (*live).clone();
        new["spec"]["replicas"] = replicas.into();
        let (now, api_version) = (api.store.now(), target.api_version());
        let writer = Writer { manager: &options.manager, api_version: &api_version, subresource: "scale", time: &now };
        managed::update(&target.kind, Some(&live), &mut new, &writer);
        api.store.count_generation(&target.kind, Some(&live), &mut new);
        if options.dry_run || managed::same_but_times(&live, &new) {
            return Ok(read::answer(StatusCode::OK, &scale_of(&new)));
        }
        if let Ok(stored) = api.store.commit(&target.kind, Some(&live), new) {
            return Ok(read::answer(StatusCode::OK, &scale_of(&stored)));
        }
    }
}
