//! What an error answer of the API server means (`meta/v1.Status`, or whatever stands in front of the server said).

use http::StatusCode;
use serde::Deserialize;

use crate::failure::{
    BAD_ANSWER, CONFLICT, FORBIDDEN, Failure, NOT_FOUND, REJECTED, SCRIPT, UNAUTHORIZED, UNREACHABLE,
};

/// What was asked of the API server, in a person's words.
#[derive(Clone, Debug)]
pub struct Asked {
    /// `read`, `list`, `patch`.
    pub verb: &'static str,
    /// `DestinationRule summit/graph-core`.
    pub target: String,
    /// Whether it may change something.
    pub writes: bool,
}

impl Asked {
    /// A question that changes nothing.
    pub fn to(verb: &'static str, target: impl ToString) -> Self {
        Asked { verb, target: target.to_string(), writes: false }
    }
}

/// The parts of `meta/v1.Status` that matter here. All are optional: the bytes may come from anywhere.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    kind: String,
    message: String,
    reason: String,
    details: Option<Details>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Details {
    name: String,
    kind: String,
}

/// The failure that an answer with an error status is.
pub fn failure(status: StatusCode, body: &[u8], asked: &Asked, server: &str) -> Failure {
    let said = serde_json::from_slice::<Status>(body).ok().filter(|status| status.kind == "Status");
    let Some(said) = said else {
        return foreign(status, body, asked, server);
    };
    let message = printable(&said.message);
    let what = format!("cannot {} {}", asked.verb, asked.target);
    let sentence = if message.is_empty() { format!("{what}: {status}") } else { format!("{what}: {message}") };
    let failure = match status.as_u16() {
        _ if message.contains("failed calling webhook") => Failure::new(&UNREACHABLE, sentence)
            .hint("the API server could not reach this admission webhook; look at the Service that its configuration names, and at the pods behind it"),
        _ if asked.writes && message.contains("admission webhook") => Failure::new(&REJECTED, sentence),
        401 => unauthorized(sentence),
        403 => return forbidden(sentence, &message, asked),
        404 if let Some(details) = said.details.filter(|details| !details.name.is_empty()) => {
            // Who creates something is told so of its namespace.
            let namespace = Some(format!("namespace {}", printable(&details.name)))
                .filter(|_| asked.writes && details.kind == "namespaces" && !asked.target.starts_with("Namespace "));
            let what = namespace.unwrap_or_else(|| asked.target.clone());
            return Failure::new(&NOT_FOUND, format!("{what} does not exist")).hint("check the name and the namespace (`-n`)");
        }
        404 => return no_such_kind(asked),
        409 if said.reason == "AlreadyExists" => Failure::new(&REJECTED, sentence),
        409 if message.starts_with("Apply failed") => Failure::new(&CONFLICT, sentence)
            .hint("these fields belong to the managers that the message names: change them there, or leave them out of what is applied; they are never taken by force"),
        409 => Failure::new(&CONFLICT, sentence).hint("run again: it will read the object anew"),
        400 | 413 | 422 if asked.writes => Failure::new(&REJECTED, sentence),
        400 | 422 => Failure::new(&SCRIPT, sentence),
        410 => Failure::new(&UNREACHABLE, sentence).hint("the list changed too quickly to be read page by page; run again"),
        429 => Failure::new(&UNREACHABLE, format!("{what}: {server} is too busy: {message}"))
            .hint("the API server limits this user's requests; wait, or ask for less at once"),
        500..=599 => Failure::new(&UNREACHABLE, format!("{sentence} ({status} from {server})")),
        _ => Failure::new(&BAD_ANSWER, sentence),
    };
    if asked.writes && (status.is_client_error() || message.contains("failed calling webhook")) {
        failure.unchanged(format!("{} is as it was", asked.target))
    } else {
        failure
    }
}

/// An answer that is not a Status: from a proxy, a load balancer, or a server that is not Kubernetes.
fn foreign(status: StatusCode, body: &[u8], asked: &Asked, server: &str) -> Failure {
    let text = excerpt(body);
    let text = if text.is_empty() { String::new() } else { format!(": {text}") };
    let sentence = format!("cannot {} {}: {server} answered {status}{text}", asked.verb, asked.target);
    match status.as_u16() {
        401 => unauthorized(sentence),
        403 => Failure::new(&FORBIDDEN, sentence)
            .hint("this answer is not the API server's own; a proxy in front of it may refuse this user"),
        404 => no_such_kind(asked),
        413 => Failure::new(&REJECTED, sentence),
        429 | 500..=599 => Failure::new(&UNREACHABLE, sentence),
        _ => Failure::new(&BAD_ANSWER, sentence)
            .hint("this does not look like a Kubernetes API server; check the context's `server`"),
    }
}

fn unauthorized(sentence: String) -> Failure {
    Failure::new(&UNAUTHORIZED, sentence).hint("the credentials of this context are missing, wrong or expired: log in again, or choose another context (`--context`)")
}

fn no_such_kind(asked: &Asked) -> Failure {
    Failure::new(&NOT_FOUND, format!("cannot {} {}: the API server serves no such kind", asked.verb, asked.target))
        .hint("is its CustomResourceDefinition installed, and in this version? `kubectl api-resources` lists what is served")
}

fn forbidden(sentence: String, message: &str, asked: &Asked) -> Failure {
    let failure = match Permission::missing(message) {
        Some(permission) => Failure::new(&FORBIDDEN, sentence).hint(permission.rule()),
        // Quotas, pod security and the like refuse with 403 too, and no Role helps against them.
        None if asked.writes && !message.contains(" cannot ") => Failure::new(&REJECTED, sentence),
        None => Failure::new(&FORBIDDEN, sentence),
    };
    if asked.writes { failure.unchanged(format!("{} is as it was", asked.target)) } else { failure }
}

/// A permission that somebody lacks.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Permission {
    verb: String,
    resource: String,
    group: String,
    namespace: Option<String>,
}

impl Permission {
    /// Reads the authoriser's sentence, whose form is that of `forbiddenMessage` in kube-apiserver:
    /// `User "u" cannot VERB resource "R" in API group "G" in the namespace "N"`, or `… at the cluster scope`.
    fn missing(message: &str) -> Option<Permission> {
        let (_, rest) = message.split_once(" cannot ")?;
        let (verb, rest) = rest.split_once(" resource \"")?;
        let (resource, rest) = rest.split_once('"')?;
        let quoted = |label: &str| {
            rest.split_once(label).and_then(|(_, rest)| rest.split_once('"')).map(|(name, _)| name.to_owned())
        };
        Some(Permission {
            verb: verb.trim().to_owned(),
            resource: resource.to_owned(),
            group: quoted("in API group \"").unwrap_or_default(),
            namespace: quoted("in the namespace \""),
        })
    }

    /// The RBAC rule that grants it.
    fn rule(&self) -> String {
        let holder = match &self.namespace {
            Some(namespace) => format!("a Role in namespace {namespace}"),
            None => "a ClusterRole".to_owned(),
        };
        format!(
            "{holder} has to grant {{apiGroups: [\"{}\"], resources: [\"{}\"], verbs: [\"{}\"]}}",
            self.group, self.resource, self.verb
        )
    }
}

/// The beginning of a foreign body, on one line, for messages.
pub(super) fn excerpt(body: &[u8]) -> String {
    let cut = &body[..body.len().min(1024)];
    let text = printable(&String::from_utf8_lossy(cut));
    let short: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if short.chars().count() > 200 { short.chars().take(200).chain(['…']).collect() } else { short }
}

/// Foreign text without control characters, which could otherwise drive the terminal that shows it.
pub(super) fn printable(text: &str) -> String {
    text.chars().take(4096).map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::failure::Exit;

    fn write() -> Asked {
        Asked { verb: "patch", target: "DestinationRule summit/graph-core".into(), writes: true }
    }

    fn read() -> Asked {
        Asked::to("read", "DestinationRule summit/graph-core")
    }

    fn status(code: u16, reason: &str, message: &str) -> Failure {
        let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "message": message, "code": code});
        failure(StatusCode::from_u16(code).unwrap(), body.to_string().as_bytes(), &write(), "https://api")
    }

    #[test]
    fn a_forbidden_verb_names_the_rule_that_is_missing() {
        let failure = status(
            403,
            "Forbidden",
            "destinationrules.networking.istio.io \"graph-core\" is forbidden: User \"viewer\" cannot patch resource \"destinationrules\" in API group \"networking.istio.io\" in the namespace \"summit\"",
        );
        assert_eq!(failure.code.name, FORBIDDEN.name);
        assert_eq!(
            failure.hint.as_deref(),
            Some(
                "a Role in namespace summit has to grant {apiGroups: [\"networking.istio.io\"], resources: [\"destinationrules\"], verbs: [\"patch\"]}"
            )
        );
        assert_eq!(failure.unchanged.as_deref(), Some("DestinationRule summit/graph-core is as it was"));
        let failure = status(
            403,
            "Forbidden",
            "pods is forbidden: User \"u\" cannot list resource \"pods\" in API group \"\" at the cluster scope",
        );
        assert_eq!(
            failure.hint.as_deref(),
            Some("a ClusterRole has to grant {apiGroups: [\"\"], resources: [\"pods\"], verbs: [\"list\"]}")
        );
    }

    #[test]
    fn a_refusal_by_admission_is_not_a_missing_permission() {
        let quota = status(403, "Forbidden", "pods \"a\" is forbidden: exceeded quota: small");
        assert_eq!(quota.code.name, REJECTED.name);
        let webhook = status(
            400,
            "BadRequest",
            "admission webhook \"validation.istio.io\" denied the request: configuration is invalid: HTTP route, redirect or direct_response is required",
        );
        assert_eq!((webhook.code.name, webhook.code.exit), (REJECTED.name, Exit::Refused));
        assert!(webhook.message.ends_with("HTTP route, redirect or direct_response is required"), "{webhook}");
        assert!(webhook.unchanged.is_some());
    }

    #[test]
    fn a_webhook_that_is_down_is_unreachable_and_nothing_was_written() {
        let failure = status(
            500,
            "InternalError",
            "Internal error occurred: failed calling webhook \"validation.istio.io\": connection refused",
        );
        assert_eq!(failure.code.name, UNREACHABLE.name);
        assert!(failure.unchanged.is_some());
    }

    #[test]
    fn a_missing_object_and_a_missing_kind_are_told_apart() {
        let body = json!({"kind": "Status", "reason": "NotFound", "code": 404, "message": "destinationrules \"graph-core\" not found", "details": {"name": "graph-core", "kind": "destinationrules"}});
        let object = failure(StatusCode::NOT_FOUND, body.to_string().as_bytes(), &read(), "https://api");
        assert_eq!(object.message, "DestinationRule summit/graph-core does not exist");
        let body = json!({"kind": "Status", "reason": "NotFound", "code": 404, "message": "namespaces \"nosuch\" not found", "details": {"name": "nosuch", "kind": "namespaces"}});
        let namespace = failure(StatusCode::NOT_FOUND, body.to_string().as_bytes(), &write(), "https://api");
        assert_eq!(namespace.message, "namespace nosuch does not exist", "of an object that was to be created in it");
        let body = json!({"kind": "Status", "reason": "NotFound", "code": 404, "message": "the server could not find the requested resource", "details": {}});
        for body in [body.to_string(), "404 page not found\n".to_owned()] {
            let kind = failure(StatusCode::NOT_FOUND, body.as_bytes(), &read(), "https://api");
            assert!(kind.message.ends_with("serves no such kind"), "{kind}");
            assert_eq!(kind.code.name, NOT_FOUND.name);
        }
    }

    #[test]
    fn every_other_status_has_its_code() {
        for (code, reason, message, name) in [
            (401, "Unauthorized", "Unauthorized", UNAUTHORIZED.name),
            (409, "Conflict", "the object has been modified", CONFLICT.name),
            (409, "AlreadyExists", "already exists", REJECTED.name),
            (422, "Invalid", "spec.host: Required value", REJECTED.name),
            (400, "BadRequest", "strict decoding error: unknown field \"spec.hots\"", REJECTED.name),
            (410, "Expired", "the provided continue parameter is too old", UNREACHABLE.name),
            (429, "TooManyRequests", "too many requests", UNREACHABLE.name),
            (500, "InternalError", "etcdserver: leader changed", UNREACHABLE.name),
            (503, "ServiceUnavailable", "not ready", UNREACHABLE.name),
            (504, "Timeout", "request timed out", UNREACHABLE.name),
            (405, "MethodNotAllowed", "not allowed", BAD_ANSWER.name),
        ] {
            let failure = status(code, reason, message);
            assert_eq!(failure.code.name, name, "{code} {reason}");
            assert!(failure.message.contains(message) || code == 429, "{failure}");
        }
        // A write that was answered by 5xx may have happened.
        assert_eq!(status(504, "Timeout", "request timed out").unchanged, None);
    }

    #[test]
    fn a_body_that_is_no_status_is_shown_short_and_harmless() {
        let body = format!("<html>\x1b[31m{}</html>", "bad gateway ".repeat(100));
        let failure = failure(StatusCode::BAD_GATEWAY, body.as_bytes(), &read(), "https://api");
        assert_eq!(failure.code.name, UNREACHABLE.name);
        assert!(!failure.message.contains('\x1b') && failure.message.len() < 400, "{failure}");
    }

    proptest! {
        #[test]
        fn no_answer_panics(code in 100u16..1000, body in proptest::collection::vec(any::<u8>(), 0..300), writes: bool) {
            let asked = Asked { writes, ..read() };
            let _ = failure(StatusCode::from_u16(code).unwrap(), &body, &asked, "https://api");
        }

        #[test]
        fn no_status_panics(code in 400u16..600, message in "\\PC{0,80}|.{0,20} cannot [a-z]{0,5} resource \"?[a-z/]{0,9}\"?( in API group \"?.{0,9})?.{0,30}", reason in ".{0,12}") {
            let failure = status(code, &reason, &message);
            prop_assert!(!failure.message.chars().any(char::is_control));
        }
    }
}
