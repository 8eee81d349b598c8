//! The calls to the API server: get, list, patch, create, delete, logs, access review, version.

use http::{Method, StatusCode};
use serde_json::{Map, Value, json};

use super::server::{Question, Refused, Server};
use super::status::{Asked, excerpt};
use crate::effect::{ObjectRef, ResourceKind};
use crate::failure::{BAD_ANSWER, Failure};

/// Objects in one page of a list. kubectl asks for as many.
const PAGE: usize = 500;

/// How often a list is begun again because its pages expired while they were read.
const RESTARTS: usize = 2;

/// `GET /version`.
pub(super) async fn version(server: &Server) -> Result<Value, Failure> {
    let asked = Asked::to("read", "the version of Kubernetes");
    Ok(json_of(server, &Question::get("/version".into(), asked)).await?)
}

/// Reads one object.
pub(super) async fn get(server: &Server, object: &ObjectRef) -> Result<Value, Failure> {
    object_of(server, &Question::get(path_of(object), Asked::to("read", object))).await
}

/// Lists objects, all pages. Each carries `apiVersion` and `kind`, which the API server leaves out in lists, so
/// that an object is the same whether it was read or listed.
pub(super) async fn list(
    server: &Server,
    kind: &ResourceKind,
    namespace: Option<&str>,
    labels: Option<&str>,
    fields: Option<&str>,
) -> Result<Value, Failure> {
    let place = namespace.map_or("all namespaces".to_owned(), |name| format!("namespace {name}"));
    let asked = Asked::to("list", format!("{} in {place}", kind.plural));
    let mut restarts = 0;
    let mut items = Vec::new();
    let mut next: Option<String> = None;
    loop {
        let mut query = Query::default();
        query.add("labelSelector", labels);
        query.add("fieldSelector", fields);
        // The last try takes it all at once: a list without pages cannot expire.
        if restarts < RESTARTS {
            query.add("limit", Some(&PAGE.to_string()));
        }
        query.add("continue", next.as_deref());
        let path = format!("{}{query}", collection(kind, namespace));
        let page = match json_of(server, &Question::get(path, asked.clone())).await {
            Ok(page) => page,
            Err(refused) if next.is_some() && refused.status == Some(StatusCode::GONE) => {
                restarts += 1;
                items.clear();
                next = None;
                continue;
            }
            Err(refused) => return Err(refused.failure),
        };
        let Value::Object(mut page) = page else { return Err(not_as_expected(&asked, server, "a list", &page)) };
        let Some(Value::Array(page_items)) = page.remove("items") else {
            return Err(not_as_expected(&asked, server, "a list", &Value::Object(page)));
        };
        items.extend(page_items.into_iter().map(|item| with_kind(item, kind)));
        let token = page.get("metadata").and_then(|metadata| metadata.get("continue")).and_then(Value::as_str);
        match token {
            Some(token) if !token.is_empty() && next.as_deref() != Some(token) => next = Some(token.to_owned()),
            Some(token) if !token.is_empty() => {
                return Err(Failure::new(
                    &BAD_ANSWER,
                    format!("cannot list {}: {} gave the same page twice", asked.target, server.address()),
                ));
            }
            _ => return Ok(Value::Array(items)),
        }
    }
}

/// Sends a merge patch (RFC 7396), or tries it (`dryRun=All`). It is never sent twice.
pub(super) async fn patch(
    server: &Server,
    object: &ObjectRef,
    patch: &Value,
    dry_run: bool,
    manager: &str,
) -> Result<Value, Failure> {
    let query = Query::of_a_write(manager, dry_run);
    let question = Question {
        method: Method::PATCH,
        path: format!("{}{query}", path_of(object)),
        accept: "application/json",
        body: Some(("application/merge-patch+json", patch.to_string().into_bytes())),
        asked: Asked { verb: "patch", target: object.to_string(), writes: true },
        // A dry run leaves nothing behind, so it may be repeated like a read.
        repeatable: dry_run,
    };
    object_of(server, &question).await
}

/// Applies a configuration (server-side apply), or tries it (`dryRun=All`). It is never sent twice.
///
/// <https://kubernetes.io/docs/reference/using-api/server-side-apply/>; JSON is YAML, so the configuration is sent as it is.
pub(super) async fn apply(
    server: &Server,
    object: &ObjectRef,
    configuration: &Value,
    (force, dry_run): (bool, bool),
    manager: &str,
) -> Result<Value, Failure> {
    let mut query = Query::of_a_write(manager, dry_run);
    query.add("force", Some(if force { "true" } else { "false" }));
    let question = Question {
        method: Method::PATCH,
        path: format!("{}{query}", path_of(object)),
        accept: "application/json",
        body: Some(("application/apply-patch+yaml", configuration.to_string().into_bytes())),
        asked: Asked { verb: "apply", target: object.to_string(), writes: true },
        repeatable: dry_run,
    };
    object_of(server, &question).await
}

/// Creates an object, or tries it (`dryRun=All`). It is never sent twice.
pub(super) async fn create(
    server: &Server,
    object: &ObjectRef,
    content: &Value,
    dry_run: bool,
    manager: &str,
) -> Result<Value, Failure> {
    let query = Query::of_a_write(manager, dry_run);
    let question = Question {
        method: Method::POST,
        path: format!("{}{query}", collection(&object.kind, object.namespace.as_deref())),
        accept: "application/json",
        body: Some(("application/json", content.to_string().into_bytes())),
        asked: Asked { verb: "create", target: object.to_string(), writes: true },
        repeatable: dry_run,
    };
    object_of(server, &question).await
}

/// Deletes an object that still has this `uid`, and this `resourceVersion` where one is given; the server answers 409 if it has not.
pub(super) async fn delete(
    server: &Server,
    object: &ObjectRef,
    uid: &str,
    resource_version: Option<&str>,
    dry_run: bool,
) -> Result<(), Failure> {
    let mut options = json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        "preconditions": { "uid": uid },
    });
    if let Some(version) = resource_version {
        options["preconditions"]["resourceVersion"] = version.into();
    }
    if dry_run {
        options["dryRun"] = json!(["All"]);
    }
    let question = Question {
        method: Method::DELETE,
        path: path_of(object),
        accept: "application/json",
        body: Some(("application/json", options.to_string().into_bytes())),
        asked: Asked { verb: "delete", target: object.to_string(), writes: true },
        repeatable: false,
    };
    // The answer is a Status, or the object if a finalizer holds it.
    Ok(json_of(server, &question).await.map(|_| ())?)
}

/// Tries to create an object (`dryRun=All`): admission says what it would say, and nothing is stored.
pub(super) async fn try_create(
    server: &Server,
    kind: &ResourceKind,
    namespace: Option<&str>,
    object: &Value,
    manager: &str,
) -> Result<Value, Failure> {
    let mut query = Query::default();
    query.add("fieldManager", Some(manager));
    query.add("dryRun", Some("All"));
    let place = namespace.map_or("the cluster".to_owned(), |name| format!("namespace {name}"));
    let question = Question {
        method: Method::POST,
        path: format!("{}{query}", collection(kind, namespace)),
        accept: "application/json",
        body: Some(("application/json", object.to_string().into_bytes())),
        asked: Asked { verb: "create", target: format!("a {} in {place} (dry run)", kind.kind), writes: true },
        // What admission refuses is an answer, and often a 500: asking again would only delay it.
        repeatable: false,
    };
    object_of(server, &question).await
}

/// Which part of a log is read: the query of `GET …/pods/NAME/log` (`k8s.io/api/core/v1` `PodLogOptions`).
#[derive(Debug, Default)]
pub(super) struct LogOptions {
    /// Lines not older than so many seconds.
    pub(super) since_seconds: Option<u64>,
    /// At most so many bytes.
    pub(super) limit_bytes: u64,
    /// At most so many lines, the newest.
    pub(super) tail_lines: Option<u64>,
    /// Each line with its time.
    pub(super) timestamps: bool,
    /// Of the run before the last restart.
    pub(super) previous: bool,
}

/// Reads a container's log.
pub(super) async fn logs(
    server: &Server,
    namespace: &str,
    pod: &str,
    container: &str,
    options: LogOptions,
) -> Result<String, Failure> {
    let mut query = Query::default();
    query.add("container", Some(container));
    // The API server refuses 0 seconds and 0 bytes.
    query.add("sinceSeconds", options.since_seconds.map(|seconds| seconds.max(1).to_string()).as_deref());
    query.add("limitBytes", Some(&options.limit_bytes.max(1).to_string()));
    query.add("tailLines", options.tail_lines.map(|lines| lines.to_string()).as_deref());
    query.add("timestamps", options.timestamps.then_some("true"));
    query.add("previous", options.previous.then_some("true"));
    let path = format!("/api/v1/namespaces/{}/pods/{}/log{query}", segment(namespace), segment(pod));
    let asked = Asked::to("read", format!("the log of {container} in Pod {namespace}/{pod}"));
    let body = server.ask(&Question { accept: "*/*", ..Question::get(path, asked) }).await?;
    Ok(String::from_utf8_lossy(&body).into_owned())
}

/// May we do this? (`authorization.k8s.io/v1` `SelfSubjectAccessReview`)
pub(super) async fn access_review(
    server: &Server,
    verb: &str,
    group: &str,
    resource: &str,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Result<bool, Failure> {
    let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
    let mut attributes = Map::new();
    for (key, value) in [
        ("verb", Some(verb)),
        ("group", Some(group)),
        ("resource", Some(resource)),
        ("subresource", Some(subresource)),
        ("namespace", namespace),
        ("name", name),
    ] {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            attributes.insert(key.into(), value.into());
        }
    }
    let review = json!({"apiVersion": "authorization.k8s.io/v1", "kind": "SelfSubjectAccessReview", "spec": {"resourceAttributes": attributes}});
    let asked = Asked::to("review", format!("the permission to {verb} {resource}"));
    let question = Question {
        method: Method::POST,
        path: "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews".into(),
        accept: "application/json",
        body: Some(("application/json", review.to_string().into_bytes())),
        asked: asked.clone(),
        // A review is computed and not stored.
        repeatable: true,
    };
    let answer = json_of(server, &question).await?;
    answer["status"]["allowed"].as_bool().ok_or_else(|| not_as_expected(&asked, server, "a review", &answer))
}

async fn json_of(server: &Server, question: &Question) -> Result<Value, Refused> {
    let body = server.ask(question).await?;
    serde_json::from_slice(&body).map_err(|error| {
        let Asked { verb, target, .. } = &question.asked;
        let failure = Failure::new(
            &BAD_ANSWER,
            format!(
                "cannot {verb} {target}: the answer of {} is not JSON ({error}): {}",
                server.address(),
                excerpt(&body)
            ),
        );
        Refused { failure, status: None }
    })
}

/// An answer that has to be an object of Kubernetes, and not, for example, the greeting of some other server.
async fn object_of(server: &Server, question: &Question) -> Result<Value, Failure> {
    let value = json_of(server, question).await?;
    if value["kind"].is_string() && value["metadata"].is_object() {
        Ok(value)
    } else {
        Err(not_as_expected(&question.asked, server, "an object", &value))
    }
}

fn not_as_expected(asked: &Asked, server: &Server, expected: &str, value: &Value) -> Failure {
    let text = excerpt(value.to_string().as_bytes());
    Failure::new(
        &BAD_ANSWER,
        format!(
            "cannot {} {}: {} answered with something that is not {expected}: {text}",
            asked.verb,
            asked.target,
            server.address()
        ),
    )
}

/// Puts `apiVersion` and `kind` first, where they are missing; leaves `metadata.managedFields` out, which is half of many
/// an object and matters to nobody who looks at many. What is changed is read by itself.
fn with_kind(item: Value, kind: &ResourceKind) -> Value {
    let Value::Object(mut fields) = item else { return item };
    if let Some(Value::Object(metadata)) = fields.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    if fields.contains_key("kind") && fields.contains_key("apiVersion") {
        return Value::Object(fields);
    }
    let mut whole = Map::new();
    whole.insert("apiVersion".into(), kind.api_version().into());
    whole.insert("kind".into(), kind.kind.clone().into());
    whole.extend(fields);
    Value::Object(whole)
}

/// Where the objects of a kind are, in a namespace or in all.
pub(super) fn collection(kind: &ResourceKind, namespace: Option<&str>) -> String {
    let base = if kind.group.is_empty() {
        format!("/api/{}", segment(&kind.version))
    } else {
        format!("/apis/{}/{}", segment(&kind.group), segment(&kind.version))
    };
    match namespace.filter(|_| kind.namespaced) {
        Some(namespace) => format!("{base}/namespaces/{}/{}", segment(namespace), segment(&kind.plural)),
        None => format!("{base}/{}", segment(&kind.plural)),
    }
}

fn path_of(object: &ObjectRef) -> String {
    let subresource = object.subresource.as_deref().map_or(String::new(), |name| format!("/{}", segment(name)));
    format!("{}/{}{subresource}", collection(&object.kind, object.namespace.as_deref()), segment(&object.name))
}

/// One segment of a path. A name comes from a script, so it must not be able to reach another path.
fn segment(text: &str) -> String {
    match text {
        // These two would be resolved on the way, percent-encoded or not.
        "" | "." | ".." => "%00".into(),
        text => encoded(text),
    }
}

/// Percent-encodes all but the unreserved characters (RFC 3986 §2.3).
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// A query string that is built piece by piece; empty if it has no pieces.
#[derive(Debug, Default)]
pub(super) struct Query(String);

impl Query {
    /// Of these parameters.
    pub(super) fn of(parameters: &[(String, String)]) -> Self {
        let mut query = Query::default();
        parameters.iter().for_each(|(name, value)| query.add(name, Some(value)));
        query
    }

    /// Of a request that writes an object.
    fn of_a_write(manager: &str, dry_run: bool) -> Self {
        let mut query = Query::default();
        query.add("fieldManager", Some(manager));
        query.add("fieldValidation", Some("Strict"));
        query.add("dryRun", dry_run.then_some("All"));
        query
    }

    /// Adds a parameter, if it has a value.
    pub(super) fn add(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.push(if self.0.is_empty() { '?' } else { '&' });
            self.0.push_str(&format!("{name}={}", encoded(value)));
        }
    }

    /// The same as the body of a form.
    pub(super) fn form(&self) -> &str {
        self.0.trim_start_matches('?')
    }
}

impl std::fmt::Display for Query {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn paths_are_those_of_the_api() {
        let pods = ResourceKind::namespaced("", "v1", "Pod", "pods");
        let rules = ResourceKind::namespaced("networking.istio.io", "v1", "DestinationRule", "destinationrules");
        let nodes = ResourceKind::cluster("", "v1", "Node", "nodes");
        assert_eq!(collection(&pods, None), "/api/v1/pods");
        assert_eq!(collection(&nodes, Some("summit")), "/api/v1/nodes");
        assert_eq!(
            path_of(&ObjectRef::new(rules.clone(), "summit", "graph-core")),
            "/apis/networking.istio.io/v1/namespaces/summit/destinationrules/graph-core"
        );
        let scale = ObjectRef { subresource: Some("scale".into()), ..ObjectRef::new(pods, "summit", "a") };
        assert_eq!(path_of(&scale), "/api/v1/namespaces/summit/pods/a/scale");
        assert_eq!(
            path_of(&ObjectRef::new(rules, "../x", "a?b#c")),
            "/apis/networking.istio.io/v1/namespaces/..%2Fx/destinationrules/a%3Fb%23c"
        );
    }

    proptest! {
        #[test]
        fn a_name_stays_one_segment(name in "\\PC{0,20}|\\.{0,3}") {
            let segment = segment(&name);
            prop_assert!(!segment.is_empty() && segment != "." && segment != "..");
            prop_assert!(segment.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._~%".contains(&byte)), "{}", segment);
            let uri: http::Uri = format!("/api/{segment}/x").parse().unwrap();
            prop_assert_eq!(uri.path().split('/').count(), 4);
        }
    }
}
