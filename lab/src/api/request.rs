//! What a request asks for: resource, verb, name, options, and the body.

use std::sync::Arc;

use axum::body::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, USER_AGENT};
use http::{HeaderMap, Method, Uri};
use serde_json::Value;

use super::status::Failure;
use crate::crd::{Catalog, ResourceType};

/// How unknown fields in a write are treated (`fieldValidation`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FieldValidation {
    Ignore,
    Warn,
    Strict,
}

/// In which form the client wants objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// As they are.
    Object,
    /// As rows for people.
    Table,
    /// Only their metadata.
    Metadata,
}

/// The parameters behind the `?`, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(uri: &Uri) -> Query {
        let pairs = uri.query().unwrap_or_default().split('&').filter(|p| !p.is_empty());
        Query(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str()).filter(|v| !v.is_empty())
    }

    pub(crate) fn all<'q>(&'q self, name: &'q str) -> impl Iterator<Item = &'q str> {
        self.0.iter().filter(move |(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    pub(crate) fn is_true(&self, name: &str) -> bool {
        matches!(self.get(name), Some("true" | "1"))
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.get(name)?.parse().ok()
    }
}

/// Undoes percent-encoding, with `+` for a space as in forms.
pub(crate) fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = || text.get(at + 1..at + 3).and_then(|h| u8::from_str_radix(h, 16).ok());
        match bytes[at] {
            b'%' => match hex() {
                Some(byte) => {
                    decoded.push(byte);
                    at += 2;
                }
                None => decoded.push(b'%'),
            },
            b'+' => decoded.push(b' '),
            other => decoded.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A request for resources.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    pub(crate) kind: Arc<ResourceType>,
    /// The version of the request, which need not be the preferred one.
    pub(crate) version: String,
    /// `None` for a cluster-scoped resource and for all namespaces.
    pub(crate) namespace: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) subresource: Option<String>,
    /// What follows the subresource, for `proxy`.
    pub(crate) rest: String,
    /// The verb of RBAC.
    pub(crate) verb: &'static str,
}

impl Target {
    /// Reads a path below `/api` or `/apis`. `None` if no resource has it.
    pub(crate) fn of(method: &Method, path: &str, query: &Query) -> Option<Target> {
        let segments: Vec<String> = path.split('/').filter(|s| !s.is_empty()).map(decode_path).collect();
        let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
        let (group, version, rest) = match segments.as_slice() {
            ["api", "v1", rest @ ..] => ("", "v1", rest),
            ["apis", group, version, rest @ ..] => (*group, *version, rest),
            _ => return None,
        };
        let (namespace, rest) = match rest {
            // A namespace's own subresources look like a resource in it.
            ["namespaces", _] | ["namespaces", _, "status" | "finalize"] if group.is_empty() => (None, rest),
            ["namespaces", namespace, below @ ..] if !below.is_empty() => (Some((*namespace).to_owned()), below),
            _ => (None, rest),
        };
        let [plural, below @ ..] = rest else { return None };
        let kind = Catalog::get().by_plural(group, plural)?.clone();
        if !kind.versions.iter().any(|v| v == version) || namespace.is_some() && !kind.namespaced {
            return None;
        }
        let name = below.first().map(|s| (*s).to_owned());
        let subresource = below.get(1).map(|s| (*s).to_owned());
        if let Some(sub) = &subresource {
            kind.subresource(sub)?;
        }
        if name.is_some() && kind.namespaced && namespace.is_none() {
            return None;
        }
        let watch = query.is_true("watch");
        let verb = match (method.as_str(), name.is_some()) {
            ("GET" | "HEAD", _) if watch && subresource.is_none() => "watch",
            ("GET" | "HEAD", true) => "get",
            ("GET" | "HEAD", false) => "list",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", true) => "delete",
            ("DELETE", false) => "deletecollection",
            _ => return None,
        };
        let rest = below.get(2..).unwrap_or_default().join("/");
        Some(Target { kind, version: version.to_owned(), namespace, name, subresource, rest, verb })
    }

    pub(crate) fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or_default()
    }

    pub(crate) fn name(&self) -> &str {
        self.name.as_deref().unwrap_or_default()
    }

    pub(crate) fn subresource(&self) -> &str {
        self.subresource.as_deref().unwrap_or_default()
    }

    /// `group/version` of the request.
    pub(crate) fn api_version(&self) -> String {
        self.kind.api_version(&self.version)
    }
}

fn decode_path(segment: &str) -> String {
    if segment.contains('%') { decode(&segment.replace('+', "%2B")) } else { segment.to_owned() }
}

/// What a write comes with besides its body.
#[derive(Clone, Debug)]
pub(crate) struct WriteOptions {
    pub(crate) dry_run: bool,
    pub(crate) manager: String,
    pub(crate) validation: FieldValidation,
    pub(crate) force: Option<bool>,
}

impl WriteOptions {
    pub(crate) fn of(query: &Query, headers: &HeaderMap) -> Result<WriteOptions, Failure> {
        let mut dry_run = false;
        for directive in query.all("dryRun") {
            if directive != "All" {
                let message = format!("dryRun: Unsupported value: {directive:?}: supported values: \"All\"");
                return Err(Failure::bad_request(message));
            }
            dry_run = true;
        }
        let agent = headers.get(USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let agent = agent.split('/').next().unwrap_or_default();
        let manager = query.get("fieldManager").unwrap_or(if agent.is_empty() { "unknown" } else { agent });
        if manager.chars().count() > 128 {
            return Err(Failure::bad_request("fieldManager: Too long: may not be more than 128 bytes"));
        }
        let validation = match query.get("fieldValidation") {
            None | Some("Warn") => FieldValidation::Warn,
            Some("Ignore") => FieldValidation::Ignore,
            Some("Strict") => FieldValidation::Strict,
            Some(other) => {
                return Err(Failure::bad_request(format!(
                    "fieldValidation: Unsupported value: {other:?}: supported values: \"Ignore\", \"Strict\", \"Warn\""
                )));
            }
        };
        let force = query.get("force").map(|f| f == "true");
        Ok(WriteOptions { dry_run, manager: manager.to_owned(), validation, force })
    }
}

/// The form that the `Accept` header asks for first.
pub(crate) fn form(headers: &HeaderMap) -> Form {
    let accept = headers.get(ACCEPT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    for choice in accept.split(',') {
        if choice.contains("protobuf") {
            continue;
        }
        if choice.contains("as=Table") && choice.contains("v=v1;") | choice.ends_with("v=v1") {
            return Form::Table;
        }
        if choice.contains("as=PartialObjectMetadata") {
            return Form::Metadata;
        }
        if choice.trim_start().starts_with("application/json") || choice.contains("*/*") {
            return Form::Object;
        }
    }
    Form::Object
}

/// The media type of the body, without parameters.
pub(crate) fn content_type(headers: &HeaderMap) -> &str {
    let value = headers.get(CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or("application/json");
    value.split(';').next().unwrap_or_default().trim()
}

/// The body as an object: JSON, or YAML if it says so.
pub(crate) fn object(headers: &HeaderMap, body: &Bytes) -> Result<Value, Failure> {
    match content_type(headers) {
        "application/json" | "" => serde_json::from_slice(body)
            .map_err(|e| Failure::bad_request(format!("couldn't get version/kind; json parse error: {e}"))),
        "application/yaml" => yaml(body),
        _ => Err(Failure::unsupported_media_type("application/json, application/yaml")),
    }
}

/// JSON or YAML, which contains it.
pub(crate) fn yaml(body: &Bytes) -> Result<Value, Failure> {
    if let Ok(value) = serde_json::from_slice(body) {
        return Ok(value);
    }
    let text = std::str::from_utf8(body).map_err(|e| Failure::bad_request(format!("error decoding YAML: {e}")))?;
    serde_saphyr::from_str(text).map_err(|e| Failure::bad_request(format!("error decoding YAML: {e}")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;

    fn target(path: &str) -> Option<Target> {
        Target::of(&Method::GET, path, &Query::default())
    }

    #[test]
    fn paths_are_read_as_the_api_has_them() {
        let pod = target("/api/v1/namespaces/summit/pods/a/log").unwrap();
        assert_eq!((pod.namespace(), pod.name(), pod.subresource(), pod.verb), ("summit", "a", "log", "get"));
        let namespace = target("/api/v1/namespaces/summit").unwrap();
        assert_eq!((namespace.namespace(), namespace.name()), ("", "summit"));
        assert_eq!(target("/api/v1/namespaces/summit/status").unwrap().subresource(), "status");
        assert_eq!(target("/apis/networking.istio.io/v1beta1/destinationrules").unwrap().verb, "list");
        assert!(target("/apis/metrics.k8s.io/v1beta1/pods").is_none());
        assert!(target("/apis/apps/v2/deployments").is_none());
    }

    #[test]
    fn percent_encoding_is_undone() {
        assert_eq!(decode("app%3Dgraph-core%2Cx+y%zz"), "app=graph-core,x y%zz");
    }
}
