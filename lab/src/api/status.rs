//! Errors as the API's `Status` objects.

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER};
use http::{HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::crd::ResourceType;
use crate::crd::validate::FieldError;

/// A failed request.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    code: u16,
    reason: &'static str,
    message: String,
    /// Boxed, because a failure is handed through many results.
    details: Option<Box<Value>>,
    retry_after: Option<u64>,
    /// Answered as plain text, as what no route leads to is.
    plain: bool,
}

impl Failure {
    fn new(code: u16, reason: &'static str, message: impl Into<String>) -> Failure {
        Failure { code, reason, message: message.into(), details: None, retry_after: None, plain: false }
    }

    fn about(mut self, kind: &ResourceType, name: &str) -> Failure {
        let mut details = json!({});
        if !name.is_empty() {
            details["name"] = name.into();
        }
        if !kind.group.is_empty() {
            details["group"] = kind.group.clone().into();
        }
        details["kind"] = kind.plural.clone().into();
        self.details = Some(Box::new(details));
        self
    }

    pub(crate) fn no_route() -> Failure {
        Failure { plain: true, ..Failure::new(404, "NotFound", "404 page not found\n") }
    }

    pub(crate) fn not_found(kind: &ResourceType, name: &str) -> Failure {
        let message = format!("{} {name:?} not found", kind.qualified_plural());
        Failure::new(404, "NotFound", message).about(kind, name)
    }

    pub(crate) fn already_exists(kind: &ResourceType, name: &str) -> Failure {
        let message = format!("{} {name:?} already exists", kind.qualified_plural());
        Failure::new(409, "AlreadyExists", message).about(kind, name)
    }

    pub(crate) fn modified(kind: &ResourceType, name: &str) -> Failure {
        let message = format!(
            "Operation cannot be fulfilled on {} {name:?}: the object has been modified; please apply your changes to the latest version and try again",
            kind.qualified_plural()
        );
        Failure::new(409, "Conflict", message).about(kind, name)
    }

    /// A precondition of a delete or of a patch that names a uid.
    pub(crate) fn precondition(kind: &ResourceType, name: &str, what: &str) -> Failure {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {what}", kind.qualified_kind());
        let mut failure = Failure::new(409, "Conflict", message).about(kind, name);
        if let Some(details) = &mut failure.details {
            details["kind"] = kind.kind.clone().into();
        }
        failure
    }

    pub(crate) fn apply_conflict(message: String, causes: Value) -> Failure {
        let mut failure = Failure::new(409, "Conflict", message);
        failure.details = Some(Box::new(json!({ "causes": causes })));
        failure
    }

    pub(crate) fn forbidden(kind: &ResourceType, name: &str, message: String) -> Failure {
        Failure::new(403, "Forbidden", message).about(kind, name)
    }

    pub(crate) fn unauthorized() -> Failure {
        Failure::new(401, "Unauthorized", "Unauthorized")
    }

    pub(crate) fn bad_request(message: impl Into<String>) -> Failure {
        Failure::new(400, "BadRequest", message)
    }

    /// A validating webhook's refusal.
    /// What it says.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn webhook_denied(message: &str) -> Failure {
        Failure::new(400, "", format!("admission webhook \"validation.istio.io\" denied the request: {message}"))
    }

    pub(crate) fn webhook_unreachable(webhook: &str, what: &str) -> Failure {
        let problem = format!("failed calling webhook {webhook:?}: failed to call webhook: {what}");
        let mut failure = Failure::new(500, "InternalError", format!("Internal error occurred: {problem}"));
        failure.details = Some(Box::new(json!({"causes": [{"message": problem}]})));
        failure
    }

    /// An error without a reason, as errors that the server did not expect are.
    pub(crate) fn internal(message: impl Into<String>) -> Failure {
        Failure::new(500, "", message)
    }

    pub(crate) fn method_not_allowed() -> Failure {
        let mut failure =
            Failure::new(405, "MethodNotAllowed", "the server does not allow this method on the requested resource");
        failure.details = Some(Box::new(json!({})));
        failure
    }

    pub(crate) fn unsupported_media_type(accepted: &str) -> Failure {
        let message =
            format!("the body of the request was in an unknown format - accepted media types include: {accepted}");
        Failure::new(415, "UnsupportedMediaType", message)
    }

    pub(crate) fn expired(message: String) -> Failure {
        Failure::new(410, "Expired", message)
    }

    pub(crate) fn too_many_requests(message: &str, seconds: u64) -> Failure {
        let mut failure = Failure::new(429, "TooManyRequests", message);
        failure.details = Some(Box::new(json!({ "retryAfterSeconds": seconds })));
        failure.retry_after = Some(seconds);
        failure
    }

    pub(crate) fn unavailable(message: String) -> Failure {
        Failure::new(503, "ServiceUnavailable", message)
    }

    /// A JSON patch that cannot be applied: the real server does not say why.
    pub(crate) fn rejected() -> Failure {
        let mut failure =
            Failure::new(422, "Invalid", "the server rejected our request due to an error in our request");
        failure.details = Some(Box::new(json!({})));
        failure
    }

    /// An object that breaks rules of its kind; without a kind, a patch that leads to one.
    pub(crate) fn invalid(kind: Option<&ResourceType>, name: &str, errors: &[FieldError]) -> Failure {
        let list: Vec<String> = errors.iter().map(|e| format!("{}: {}", e.field, e.message)).collect();
        let list = if let [only] = list.as_slice() { only.clone() } else { format!("[{}]", list.join(", ")) };
        let qualified = kind.map(ResourceType::qualified_kind).unwrap_or_default();
        let causes: Vec<Value> =
            errors.iter().map(|e| json!({"reason": e.reason, "message": e.message, "field": e.field})).collect();
        let mut details = json!({});
        if let Some(kind) = kind {
            details["name"] = name.into();
            if !kind.group.is_empty() {
                details["group"] = kind.group.clone().into();
            }
            details["kind"] = kind.kind.clone().into();
        }
        details["causes"] = causes.into();
        let mut failure = Failure::new(422, "Invalid", format!("{qualified} {name:?} is invalid: {list}"));
        failure.details = Some(Box::new(details));
        failure
    }

    /// The `Status` object.
    pub(crate) fn status(&self) -> Value {
        let mut status = json!({
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {},
            "status": "Failure",
            "message": self.message,
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = (**details).clone();
        }
        status["code"] = self.code.into();
        status
    }

    /// The HTTP answer.
    pub(crate) fn response(&self) -> Response<Body> {
        let (kind, body) = if self.plain {
            ("text/plain; charset=utf-8", self.message.clone())
        } else {
            ("application/json", format!("{}\n", self.status()))
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = StatusCode::from_u16(self.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
        if let Some(seconds) = self.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

/// The `Status` of something that was done.
pub(crate) fn success(details: Option<Value>) -> Value {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"});
    if let Some(details) = details {
        status["details"] = details;
    }
    status
}
