//! Reviews: who am I, what may I do, whose token is this; and tokens for service accounts.

use axum::body::{Body, Bytes};
use http::{HeaderMap, Response, StatusCode};
use jiff::SignedDuration;
use serde_json::{Value, json};

use super::access::{self, Action, User};
use super::request::{self, Target};
use super::status::Failure;
use super::{Api, protobuf, read, tls};
use crate::crd::Catalog;
use crate::store::fields::{FieldSet, Step};
use crate::store::typed;

fn body_of(headers: &HeaderMap, body: &Bytes) -> Result<Value, Failure> {
    if request::content_type(headers) == "application/vnd.kubernetes.protobuf" {
        return protobuf::review(body)
            .ok_or_else(|| Failure::bad_request("the protobuf body of the review is malformed"));
    }
    request::object(headers, body)
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

pub(crate) fn review(
    api: &Api,
    user: &User,
    target: &Target,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, Failure> {
    if target.subresource() == "token" {
        return token(api, target);
    }
    let given = body_of(headers, body)?;
    if let Some(kind) = given["kind"].as_str()
        && kind != target.kind.kind
    {
        return Err(Failure::bad_request(format!("a {kind} was sent where a {} belongs", target.kind.kind)));
    }
    let mut answer = json!({
        "kind": target.kind.kind,
        "apiVersion": target.api_version(),
        "metadata": metadata(api, target, headers, &given),
    });
    let spec = &given["spec"];
    match target.kind.kind.as_str() {
        "SelfSubjectAccessReview" => {
            answer["spec"] = spec.clone();
            answer["status"] = decide(api, user, spec);
        }
        "SubjectAccessReview" | "LocalSubjectAccessReview" => {
            answer["spec"] = spec.clone();
            let asked = text(&spec["user"]);
            let known = api.users.by_name(&asked);
            answer["status"] = known.map_or_else(|| json!({"allowed": false}), |user| decide(api, &user, spec));
        }
        "SelfSubjectRulesReview" => {
            let (resources, paths) = access::rules(user);
            // Denials by a fault cannot be told as rules, so the list says that it is not the whole truth.
            let incomplete = !api.faults().denied.is_empty();
            answer["spec"] = json!({});
            answer["status"] = json!({"resourceRules": resources, "nonResourceRules": paths, "incomplete": incomplete});
        }
        "SelfSubjectReview" => {
            answer["status"] = json!({"userInfo": {"username": user.name, "groups": user.groups}});
        }
        "TokenReview" => {
            answer["spec"] = spec.clone();
            answer["status"] = match api.users.by_token(&text(&spec["token"])) {
                Some(user) => {
                    json!({"authenticated": true, "user": {"username": user.name, "groups": user.groups}})
                }
                None => json!({"user": {}, "error": "the token is not known"}),
            };
        }
        _ => return Err(Failure::method_not_allowed()),
    }
    Ok(read::answer(StatusCode::CREATED, &answer))
}

/// A review is never stored, but who sent which field is noted as on a real server.
fn metadata(api: &Api, target: &Target, headers: &HeaderMap, given: &Value) -> Value {
    let agent = headers.get(http::header::USER_AGENT).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let agent = agent.split('/').next().filter(|a| !a.is_empty()).unwrap_or("unknown");
    let zero = typed::zero_value(&target.kind.schema);
    let comparison = typed::compare(&target.kind.schema, &zero, given);
    let spec = Step::Field("spec".into());
    let owned = comparison.added.union(&comparison.modified);
    let mut kept = FieldSet::default();
    for path in owned.paths().iter().filter(|path| path.first() == Some(&spec) && path.len() > 1) {
        kept.insert(path);
    }
    if kept.is_empty() {
        return json!({});
    }
    json!({"managedFields": [{
        "manager": agent,
        "operation": "Update",
        "apiVersion": target.api_version(),
        "time": api.store.now(),
        "fieldsType": "FieldsV1",
        "fieldsV1": kept.encode(),
    }]})
}

fn decide(api: &Api, user: &User, spec: &Value) -> Value {
    let attributes = &spec["resourceAttributes"];
    if attributes.is_null() {
        let path = text(&spec["nonResourceAttributes"]["path"]);
        let public = ["/api", "/apis", "/healthz", "/livez", "/readyz", "/openapi", "/version"];
        let allowed = user.role == access::Role::Admin || public.iter().any(|p| path.starts_with(p));
        return json!({ "allowed": allowed });
    }
    let subresource = text(&attributes["subresource"]);
    let resource = text(&attributes["resource"]);
    let action = Action {
        verb: text(&attributes["verb"]),
        group: text(&attributes["group"]),
        resource: if subresource.is_empty() { resource } else { format!("{resource}/{subresource}") },
        namespace: text(&attributes["namespace"]),
        name: text(&attributes["name"]),
    };
    json!({"allowed": access::allowed(user, &action, &api.faults().denied)})
}

/// `TokenRequest` of a service account: the token is recognised, but has no rights.
fn token(api: &Api, target: &Target) -> Result<Response<Body>, Failure> {
    let (namespace, name) = (target.namespace(), target.name());
    let accounts = Catalog::get().by_plural("", "serviceaccounts").expect("service accounts are built in");
    if api.store.get("", "serviceaccounts", namespace, name).is_none() {
        return Err(Failure::not_found(accounts, name));
    }
    let token = tls::token().map_err(|e| Failure::internal(e.to_string()))?;
    api.users.add_service_account(&token, namespace, name);
    let expires = api.clock.now().saturating_add(SignedDuration::from_hours(1)).unwrap_or(jiff::Timestamp::MAX);
    let answer = json!({
        "kind": "TokenRequest",
        "apiVersion": "authentication.k8s.io/v1",
        "metadata": {"name": name, "namespace": namespace, "creationTimestamp": api.store.now()},
        "spec": {"audiences": ["https://kubernetes.default.svc"], "expirationSeconds": 3600, "boundObjectRef": null},
        "status": {"token": token, "expirationTimestamp": expires.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()},
    });
    Ok(read::answer(StatusCode::CREATED, &answer))
}
