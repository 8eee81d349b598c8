//! From a request to whoever answers it: faults, authentication, authorisation, dispatch.

use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::response::IntoResponse;
use http::header::CONTENT_TYPE;
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, StatusCode};
use serde_json::json;

use super::access::{self, Action, User};
use super::request::{self, Form, Query, Target, WriteOptions};
use super::status::Failure;
use super::{Api, delete, discovery, exec, logs, metrics, openapi, port_forward, read, review, scale, watch, write};

/// The largest body taken, as by a real server.
const LARGEST_BODY: usize = 3 * 1024 * 1024;

pub(super) async fn handle(State(api): State<Arc<Api>>, request: Request<Body>) -> Response<Body> {
    let counted = api.counted();
    let number = counted.count();
    let faults = &counted.faults;
    if !faults.api_latency.is_zero() {
        tokio::time::sleep(faults.api_latency).await;
    }
    if faults.down {
        return Failure::unavailable("the server is currently unable to handle the request".into()).response();
    }
    if faults.too_many_requests.contains(&number) {
        let seconds = faults.retry_after.as_secs() + u64::from(faults.retry_after.subsec_nanos() > 0);
        let message = "The apiserver is overloaded, please try again later.";
        return Failure::too_many_requests(message, seconds).response();
    }
    respond(&api, request).await.unwrap_or_else(|failure| failure.response())
}

async fn respond(api: &Arc<Api>, request: Request<Body>) -> Result<Response<Body>, Failure> {
    let user = api.users.authenticate(request.headers())?;
    let (parts, body) = request.into_parts();
    let query = Query::of(&parts.uri);
    let path = parts.uri.path().trim_end_matches('/').to_owned();
    if let Some(answer) = metrics::answer(api, &user, &parts.method, &path, &query) {
        return answer;
    }
    if let Some(target) = Target::of(&parts.method, &path, &query) {
        // A kind whose definition is not there is no address at all.
        if !discovery::is_served(&api.store, &target.kind) {
            return Err(Failure::no_route());
        }
        return resource(api, &user, &target, parts, query, body).await;
    }
    if parts.method != Method::GET {
        return Err(Failure::no_route());
    }
    let text = |text: &str| {
        let mut response = text.to_owned().into_response();
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
        Ok(response)
    };
    match path.as_str() {
        "/healthz" | "/livez" | "/readyz" => text("ok"),
        "/version" => Ok(read::answer(StatusCode::OK, &discovery::version_of(&api.store))),
        "/openapi/v3" => openapi::index(),
        path if path.starts_with("/openapi/v3/") => openapi::document(&path["/openapi/v3/".len()..]),
        _ => discovery::answer(&api.store, &path, &parts.headers, api.pods.usage().is_some())
            .ok_or_else(Failure::no_route),
    }
}

fn authorize(api: &Api, user: &User, target: &Target, verb: &str) -> Result<(), Failure> {
    let action = Action::of(target, verb);
    if access::allowed(user, &action, &api.counted().faults.denied) {
        Ok(())
    } else {
        Err(access::forbidden(user, target, &action))
    }
}

async fn resource(
    api: &Arc<Api>,
    user: &User,
    target: &Target,
    mut parts: Parts,
    query: Query,
    body: Body,
) -> Result<Response<Body>, Failure> {
    authorize(api, user, target, target.verb)?;
    if matches!(target.subresource(), "exec" | "portforward") && target.verb == "get" {
        // A WebSocket begins with GET but acts: it needs the permission to create as well.
        let upgrade = parts.headers.contains_key(http::header::UPGRADE);
        if upgrade {
            authorize(api, user, target, "create")?;
        }
    }
    let subresource = target.subresource.as_deref().and_then(|s| target.kind.subresource(s));
    let verbs = subresource.map_or(&target.kind.verbs, |s| &s.verbs);
    if !verbs.iter().any(|v| v == target.verb) {
        return Err(Failure::method_not_allowed());
    }
    let now = api.clock.now();
    let form = request::form(&parts.headers);
    match (target.subresource(), target.verb) {
        ("log", _) => return logs::logs(api, target, &query),
        ("portforward", _) => return port_forward::port_forward(api, target, &query, &mut parts).await,
        ("exec", _) => return exec::exec(api, target, &query, &mut parts).await,
        ("proxy", _) => return port_forward::proxy(api, target, parts, body).await,
        ("scale", "get") => return scale::get(api, target),
        (_, "get") => {
            let response = read::get(&api.store, target, form, now);
            api.counted().interfere(&api.store, target);
            return response;
        }
        (_, "list") => return read::list(&api.store, target, &query, form, now),
        (_, "watch") => return watch::watch(&api.store, &api.clock, target, &query, form),
        _ => {}
    }
    let headers = parts.headers;
    let body: Bytes = axum::body::to_bytes(body, LARGEST_BODY)
        .await
        .map_err(|_| Failure::bad_request("the body of the request could not be read or is larger than 3 MiB"))?;
    if !target.kind.is_stored() || target.subresource() == "token" {
        return review::review(api, user, target, &headers, &body);
    }
    let options = WriteOptions::of(&query, &headers)?;
    let written = match (target.subresource(), target.verb) {
        ("scale", _) => return scale::write(api, target, &options, &headers, &body),
        ("eviction", _) => return evict(api, target, &options, &query, &headers, &body),
        (_, "create") => write::create(api, target, &options, &headers, &body)?,
        (_, "update") => write::replace(api, target, &options, &headers, &body)?,
        (_, "patch") => write::patch(api, target, &options, &headers, &body)?,
        (_, "delete") => {
            let result = delete::delete(api, target, &options, &query, &headers, &body)?;
            return Ok(read::answer(StatusCode::OK, &result));
        }
        (_, "deletecollection") => {
            let objects = delete::delete_collection(api, target, &options, &query, &headers, &body)?;
            let metadata = json!({"resourceVersion": api.store.resource_version().to_string()});
            return Ok(read::show_list(&target.kind, &target.api_version(), Form::Object, &objects, metadata, now));
        }
        _ => return Err(Failure::method_not_allowed()),
    };
    Ok(written.response(api, target, form))
}

/// Deletes a pod unless a PodDisruptionBudget says no.
fn evict(
    api: &Api,
    target: &Target,
    options: &WriteOptions,
    query: &Query,
    headers: &http::HeaderMap,
    body: &Bytes,
) -> Result<Response<Body>, Failure> {
    let eviction = request::object(headers, body)?;
    let pod = read::find(&api.store, target)?;
    for budget in api.store.list("policy", "poddisruptionbudgets", target.namespace.as_deref()) {
        let labels = &budget["spec"]["selector"]["matchLabels"];
        let selected = labels.as_object().is_some_and(|wanted| {
            !wanted.is_empty() && wanted.iter().all(|(key, value)| pod["metadata"]["labels"].get(key) == Some(value))
        });
        if selected && budget["status"]["disruptionsAllowed"].as_i64().unwrap_or(0) < 1 {
            let message = "Cannot evict pod as it would violate the pod's disruption budget.";
            return Err(Failure::too_many_requests(message, 10));
        }
    }
    let inner = serde_json::to_vec(&eviction["deleteOptions"]).unwrap_or_default();
    let inner = if eviction["deleteOptions"].is_object() { Bytes::from(inner) } else { Bytes::new() };
    delete::delete(api, target, options, query, headers, &inner)?;
    let mut status = super::status::success(None);
    status["code"] = 201.into();
    Ok(read::answer(StatusCode::CREATED, &status))
}
