//! OpenAPI v3: the index and a document for each group version, made from the schemas that objects are checked with.
//!
//! kubectl validates by them: it looks for the schema with the kind's `x-kubernetes-group-version-kind`, and whether
//! the PATCH operation knows `fieldValidation` and `dryRun`.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, LazyLock, Mutex};

use axum::body::{Body, Bytes};
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderValue, Response};
use serde_json::{Map, Value, json};

use super::discovery::fingerprint;
use super::status::Failure;
use crate::crd::{Catalog, ResourceType};

const META: &str = "io.k8s.apimachinery.pkg.apis.meta.v1";

/// Documents are large and never change, so each is made once.
static DOCUMENTS: LazyLock<Mutex<HashMap<String, Bytes>>> = LazyLock::new(Mutex::default);

fn paths() -> Vec<(String, String, String)> {
    let groups = Catalog::get().groups();
    let of = |group: &String, version: &String| {
        let path = if group.is_empty() { format!("api/{version}") } else { format!("apis/{group}/{version}") };
        (path, group.clone(), version.clone())
    };
    groups.iter().flat_map(|(group, versions)| versions.iter().map(move |version| of(group, version))).collect()
}

/// The documents never change within a version of the lab.
fn hash(path: &str) -> String {
    fingerprint(&format!("{}/{path}", env!("CARGO_PKG_VERSION")))
}

fn respond(body: Bytes, kind: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response.headers_mut().insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
    response
}

/// `/openapi/v3`.
pub(crate) fn index() -> Result<Response<Body>, Failure> {
    let mut entries: BTreeMap<String, Value> = BTreeMap::new();
    for (path, _, _) in paths() {
        let hash = hash(&path);
        entries.insert(path.clone(), json!({"serverRelativeURL": format!("/openapi/v3/{path}?hash={hash}")}));
    }
    let body = format!("{}\n", json!({ "paths": entries }));
    Ok(respond(body.into(), "text/plain; charset=utf-8"))
}

/// `/openapi/v3/PATH`.
pub(crate) fn document(path: &str) -> Result<Response<Body>, Failure> {
    let (_, group, version) = paths().into_iter().find(|(p, _, _)| p == path).ok_or_else(Failure::no_route)?;
    let mut documents = DOCUMENTS.lock().expect("no holder of the documents panics");
    let body = documents.entry(path.to_owned()).or_insert_with(|| make(path, &group, &version)).clone();
    let mut response = respond(body, "application/json");
    if let Ok(tag) = HeaderValue::from_str(&format!("\"{}\"", hash(path))) {
        response.headers_mut().insert(ETAG, tag);
    }
    Ok(response)
}

fn component(kind: &ResourceType, version: &str) -> String {
    if kind.custom { format!("{}.{version}.{}", kind.component, kind.kind) } else { kind.component.clone() }
}

fn make(path: &str, group: &str, version: &str) -> Bytes {
    let kinds: Vec<&Arc<ResourceType>> =
        Catalog::get().types().iter().filter(|k| k.group == group && k.versions.iter().any(|v| v == version)).collect();
    let mut operations = Map::new();
    let mut schemas: BTreeMap<String, Value> = BTreeMap::new();
    for name in ["DeleteOptions", "Patch", "Status", "ObjectMeta", "ListMeta"] {
        include(&format!("{META}.{name}"), &mut schemas);
    }
    for kind in &kinds {
        add_paths(path, kind, version, &mut operations);
        let name = component(kind, version);
        if kind.custom {
            schemas.insert(name.clone(), custom_schema(kind, version));
        } else {
            include(&name, &mut schemas);
        }
        if kind.is_stored() {
            schemas.insert(format!("{name}List"), list_schema(kind, version, &name));
        }
    }
    let title = if kinds.iter().any(|k| k.custom) { "Kubernetes CRD Swagger" } else { "Kubernetes" };
    let document = json!({
        "openapi": "3.0.0",
        "info": {"title": title, "version": if title == "Kubernetes" { "unversioned" } else { "v0.1.0" }},
        "paths": operations,
        "components": {"schemas": schemas},
    });
    Bytes::from(format!("{document}\n"))
}

/// Adds a component and what it refers to.
fn include(name: &str, schemas: &mut BTreeMap<String, Value>) {
    if schemas.contains_key(name) {
        return;
    }
    let schema = match Catalog::get().components().get(name) {
        Some(schema) => schema.clone(),
        None => json!({"type": "object"}),
    };
    schemas.insert(name.to_owned(), schema.clone());
    references(&schema, &mut |reference| include(reference, schemas));
}

fn references(schema: &Value, found: &mut impl FnMut(&str)) {
    match schema {
        Value::Object(map) => {
            for (key, value) in map {
                match value.as_str() {
                    Some(reference) if key == "$ref" => found(reference.rsplit('/').next().unwrap_or(reference)),
                    _ => references(value, found),
                }
            }
        }
        Value::Array(list) => list.iter().for_each(|value| references(value, found)),
        _ => {}
    }
}

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/components/schemas/{name}")})
}

fn gvk(kind: &ResourceType, version: &str) -> Value {
    json!({"group": kind.group, "kind": kind.kind, "version": version})
}

fn custom_schema(kind: &ResourceType, version: &str) -> Value {
    let mut schema = Catalog::get().custom_schema(&kind.group, &kind.kind).cloned().unwrap_or_else(|| json!({}));
    schema["properties"]["apiVersion"] = json!({"type": "string"});
    schema["properties"]["kind"] = json!({"type": "string"});
    schema["properties"]["metadata"] = json!({"allOf": [reference(&format!("{META}.ObjectMeta"))]});
    schema["x-kubernetes-group-version-kind"] = json!([gvk(kind, version)]);
    schema
}

fn list_schema(kind: &ResourceType, version: &str, item: &str) -> Value {
    let mut list = gvk(kind, version);
    list["kind"] = format!("{}List", kind.kind).into();
    json!({
        "type": "object",
        "required": ["items"],
        "properties": {
            "apiVersion": {"type": "string"},
            "kind": {"type": "string"},
            "metadata": {"allOf": [reference(&format!("{META}.ListMeta"))]},
            "items": {"type": "array", "items": {"allOf": [reference(item)]}},
        },
        "x-kubernetes-group-version-kind": [list],
    })
}

fn parameter(name: &str, kind: &str) -> Value {
    json!({"name": name, "in": "query", "schema": {"type": kind, "uniqueItems": true}})
}

fn in_path(name: &str) -> Value {
    json!({"name": name, "in": "path", "required": true, "schema": {"type": "string", "uniqueItems": true}})
}

fn add_paths(root: &str, kind: &ResourceType, version: &str, operations: &mut Map<String, Value>) {
    let place = if kind.namespaced { "/namespaces/{namespace}" } else { "" };
    let collection = format!("/{root}{place}/{}", kind.plural);
    let object = component(kind, version);
    let mut shared = Vec::new();
    if kind.namespaced {
        shared.push(in_path("namespace"));
    }
    let mut entry = Map::new();
    for (method, verb) in [("get", "list"), ("post", "create"), ("delete", "deletecollection")] {
        if kind.verbs.iter().any(|v| v == verb) {
            let schema = if verb == "list" { format!("{object}List") } else { object.clone() };
            let action = if method == "post" { "post" } else { verb };
            entry.insert(method.into(), operation(kind, version, action, &schema));
        }
    }
    entry.insert("parameters".into(), shared.clone().into());
    operations.insert(collection.clone(), entry.into());
    if !kind.is_stored() {
        return;
    }
    if kind.namespaced {
        let everywhere = format!("/{root}/{}", kind.plural);
        let list = operation(kind, version, "list", &format!("{object}List"));
        operations.insert(everywhere, json!({ "get": list }));
    }
    shared.insert(0, in_path("name"));
    let methods = [("get", "get"), ("put", "update"), ("delete", "delete"), ("patch", "patch")];
    let mut add = |path: String, verbs: &[String], schema: &str| {
        let mut entry = Map::new();
        for (method, verb) in methods {
            if verbs.iter().any(|v| v == verb) {
                entry.insert(method.into(), operation(kind, version, method, schema));
            }
        }
        entry.insert("parameters".into(), shared.clone().into());
        operations.insert(path, entry.into());
    };
    add(format!("{collection}/{{name}}"), &kind.verbs, &object);
    for sub in kind.subresources.iter().filter(|s| matches!(s.name.as_str(), "status" | "scale")) {
        add(format!("{collection}/{{name}}/{}", sub.name), &sub.verbs, &object);
    }
}

fn operation(kind: &ResourceType, version: &str, action: &str, schema: &str) -> Value {
    let content =
        json!({"application/json": {"schema": reference(schema)}, "application/yaml": {"schema": reference(schema)}});
    let strings = |names: &[&str]| names.iter().map(|name| parameter(name, "string")).collect::<Vec<_>>();
    let mut parameters = match action {
        "patch" | "put" | "post" => strings(&["dryRun", "fieldManager", "fieldValidation"]),
        "delete" => strings(&["dryRun", "propagationPolicy"]),
        "list" => strings(&["continue", "fieldSelector", "labelSelector", "resourceVersion", "resourceVersionMatch"]),
        _ => strings(&["resourceVersion"]),
    };
    let mut operation = json!({
        "responses": {"200": {"description": "OK", "content": content}, "401": {"description": "Unauthorized"}},
        "x-kubernetes-action": action,
        "x-kubernetes-group-version-kind": gvk(kind, version),
    });
    match action {
        "patch" => {
            parameters.push(parameter("force", "boolean"));
            let mut kinds =
                vec!["application/apply-patch+yaml", "application/json-patch+json", "application/merge-patch+json"];
            if !kind.custom {
                kinds.push("application/strategic-merge-patch+json");
            }
            let patch = reference(&format!("{META}.Patch"));
            let content: Map<String, Value> =
                kinds.into_iter().map(|k| (k.to_owned(), json!({ "schema": patch }))).collect();
            operation["requestBody"] = json!({"content": content, "required": true});
        }
        "put" | "post" => operation["requestBody"] = json!({"content": content, "required": true}),
        "list" => {
            parameters.push(parameter("limit", "integer"));
            parameters.push(parameter("watch", "boolean"));
        }
        _ => {}
    }
    operation["parameters"] = parameters.into();
    operation
}
