//! Create, replace, patch and apply: from the request's body to the stored object.

use axum::body::{Body, Bytes};
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::Api;
use super::admission;
use super::patch::{self, PatchKind};
use super::read;
use super::request::{self, FieldValidation, Form, Target, WriteOptions};
use super::status::Failure;
use super::webhooks::{self, Called};
use crate::crd::validate::{self, FieldError};
use crate::store::managed::{self, Conflict, Writer};
use crate::store::{Object, defaults, name_suffix};

/// How often a patch is computed anew because somebody else was faster, as on a real server.
const ATTEMPTS: usize = 5;

/// The outcome of a write.
pub(crate) struct Written {
    pub(crate) status: StatusCode,
    pub(crate) object: Value,
    /// Texts for `Warning` headers.
    pub(crate) warnings: Vec<String>,
}

impl Written {
    pub(crate) fn response(self, api: &Api, target: &Target, form: Form) -> Response<Body> {
        let mut response = read::show(target, form, self.status, &self.object, api.clock.now());
        for warning in self.warnings {
            let escaped = warning.replace('\\', "\\\\").replace('"', "\\\"");
            if let Ok(value) = HeaderValue::from_str(&format!("299 - \"{escaped}\"")) {
                response.headers_mut().append(http::header::WARNING, value);
            }
        }
        response
    }
}

/// Why a write did not come about.
enum Setback {
    /// Somebody else wrote the object in between: compute anew.
    Raced,
    Failed(Failure),
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Setback {
        Setback::Failed(failure)
    }
}

/// Removes unknown fields; by the request's wish they are an error or warnings.
fn check_fields(
    target: &Target,
    object: &mut Value,
    validation: FieldValidation,
    strict: impl FnOnce(&Value, String) -> Failure,
) -> Result<Vec<String>, Failure> {
    let before = (validation == FieldValidation::Strict).then(|| object.clone());
    let unknown: Vec<String> =
        validate::prune(&target.kind.schema, object).iter().map(|path| format!("unknown field {path:?}")).collect();
    match validation {
        FieldValidation::Ignore => Ok(Vec::new()),
        FieldValidation::Warn => Ok(unknown),
        FieldValidation::Strict if unknown.is_empty() => Ok(unknown),
        FieldValidation::Strict => {
            let detail = format!("strict decoding error: {}", unknown.join(", "));
            Err(strict(&before.unwrap_or_default(), detail))
        }
    }
}

/// Objects of built-in kinds are decoded into Go structs: the first wrong type ends it.
fn check_types(target: &Target, object: &Value) -> Result<(), Failure> {
    if target.kind.custom {
        return Ok(());
    }
    match validate::first_type_error(&target.kind.schema, object) {
        None => Ok(()),
        Some(FieldError { field, message, .. }) => {
            let (kind, version) = (&target.kind.kind, &target.version);
            let found = message.rsplit("type ").next().unwrap_or_default().to_owned();
            Err(Failure::bad_request(format!(
                "{kind} in version {version:?} cannot be handled as a {kind}: json: cannot unmarshal into Go struct field {kind}.{field}: must be of type {found}"
            )))
        }
    }
}

fn check_identity(target: &Target, object: &Value) -> Result<(), Failure> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (api_version, kind) = (text(&object["apiVersion"]), text(&object["kind"]));
    if !object.is_object() {
        return Err(Failure::bad_request("the body of the request is no object"));
    }
    if !kind.is_empty() && kind != target.kind.kind {
        let found = format!("{}, Kind={kind}", api_version.replace('/', ", Version="));
        let wanted = format!("{}, Kind={}", target.api_version().replace('/', ", Version="), target.kind.kind);
        return Err(Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {}): {found} does not match {wanted}",
            target.kind.kind
        )));
    }
    if !api_version.is_empty() && api_version != target.api_version() {
        return Err(Failure::bad_request(format!(
            "the API version in the data ({api_version}) does not match the expected API version ({})",
            target.api_version()
        )));
    }
    let namespace = text(&object["metadata"]["namespace"]);
    if let (Some(wanted), false) = (&target.namespace, namespace.is_empty())
        && *wanted != namespace
    {
        return Err(Failure::bad_request(
            "the namespace of the provided object does not match the namespace sent on the request",
        ));
    }
    let name = text(&object["metadata"]["name"]);
    if let (Some(wanted), false) = (&target.name, name.is_empty())
        && *wanted != name
    {
        return Err(Failure::bad_request(format!(
            "the name of the object ({name}) does not match the name on the URL ({wanted})"
        )));
    }
    Ok(())
}

fn writer<'a>(options: &'a WriteOptions, target: &'a Target, api_version: &'a str, time: &'a str) -> Writer<'a> {
    Writer { manager: &options.manager, api_version, subresource: target.subresource(), time }
}

fn metadata(object: &mut Value) -> &mut Map<String, Value> {
    if !object["metadata"].is_object() {
        object["metadata"] = json!({});
    }
    object["metadata"].as_object_mut().expect("it was made an object above")
}

/// `POST` to a collection.
pub(crate) fn create(
    api: &Api,
    target: &Target,
    options: &WriteOptions,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Written, Failure> {
    let mut object = request::object(headers, body)?;
    check_identity(target, &object)?;
    check_types(target, &object)?;
    let warnings = check_fields(target, &mut object, options.validation, |_, detail| {
        Failure::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {detail}",
            target.kind.kind, target.version, target.kind.kind
        ))
    })?;
    store_new(api, target, options, object, warnings, false)
}

/// Stores an object that does not exist yet; `owned` says that its managedFields are settled.
fn store_new(
    api: &Api,
    target: &Target,
    options: &WriteOptions,
    mut object: Value,
    warnings: Vec<String>,
    owned: bool,
) -> Result<Written, Failure> {
    let kind = &target.kind;
    if let Some(namespace) = &target.namespace {
        if api.store.get("", "namespaces", "", namespace).is_none() {
            let namespaces = crate::crd::Catalog::get().by_plural("", "namespaces").expect("namespaces are built in");
            return Err(Failure::not_found(namespaces, namespace));
        }
        metadata(&mut object).insert("namespace".into(), namespace.clone().into());
    }
    if object["metadata"].get("resourceVersion").is_some_and(|v| v.as_str().is_some_and(|v| !v.is_empty())) {
        return Err(Failure::internal("resourceVersion should not be set on objects to be created"));
    }
    let fields = metadata(&mut object);
    for system in ["uid", "creationTimestamp", "resourceVersion", "generation", "deletionTimestamp", "selfLink"] {
        fields.remove(system);
    }
    if fields.get("name").and_then(Value::as_str).is_none_or(str::is_empty) {
        let Some(prefix) = fields.get("generateName").and_then(Value::as_str).map(str::to_owned) else {
            let error = FieldError::required("metadata.name", "name or generateName is required");
            return Err(Failure::invalid(Some(kind), "", &[error]));
        };
        fields.insert("name".into(), format!("{prefix}{}", name_suffix(api.store.serial())).into());
    }
    if kind.subresource("status").is_some()
        && let Some(map) = object.as_object_mut()
    {
        map.remove("status");
    }
    // Webhooks that change an object come first: what they add is the writer's, and is checked like all of it.
    if kind.group.is_empty()
        && kind.kind == "Pod"
        && webhooks::call(&api.store, kind, true, &object)? == Called::Answered
    {
        api.pods.inject(&api.store, &mut object);
    }
    api.store.normalise(kind, &mut object);
    let (now, api_version) = (api.store.now(), target.api_version());
    if !owned {
        managed::update(kind, None, &mut object, &writer(options, target, &api_version, &now));
    }
    api.store.count_generation(kind, None, &mut object);
    let faults = api.faults();
    admission::admit(&api.store, &faults, kind, None, &object)?;
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if api.store.get(&kind.group, &kind.plural, target.namespace(), &name).is_some() {
        return Err(Failure::already_exists(kind, &name));
    }
    if !options.dry_run || kind.kind != "Service" {
        defaults::created(kind, &mut object, api.store.serial());
    }
    if options.dry_run {
        let fields = metadata(&mut object);
        fields.insert("uid".into(), "00000000-0000-4000-8000-000000000000".into());
        fields.insert("creationTimestamp".into(), now.into());
        return Ok(Written { status: StatusCode::CREATED, object, warnings });
    }
    let stored = api.store.commit(kind, None, object).map_err(|_| Failure::already_exists(kind, &name))?;
    Ok(Written { status: StatusCode::CREATED, object: (*stored).clone(), warnings })
}

/// `PUT` of a whole object.
pub(crate) fn replace(
    api: &Api,
    target: &Target,
    options: &WriteOptions,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Written, Failure> {
    let mut object = request::object(headers, body)?;
    check_identity(target, &object)?;
    check_types(target, &object)?;
    let warnings = check_fields(target, &mut object, options.validation, |_, detail| {
        Failure::bad_request(format!(
            "{} in version {:?} cannot be handled as a {}: {detail}",
            target.kind.kind, target.version, target.kind.kind
        ))
    })?;
    let unconditional = object["metadata"]["resourceVersion"].as_str().is_none_or(str::is_empty);
    for _ in 0..ATTEMPTS {
        let live = read::find(&api.store, target)?;
        if unconditional && target.kind.custom {
            let message = "Invalid value: 0: must be specified for an update".to_owned();
            let error = FieldError { field: "metadata.resourceVersion".into(), reason: "FieldValueInvalid", message };
            return Err(Failure::invalid(Some(&target.kind), target.name(), &[error]));
        }
        match settle(api, target, options, &live, object.clone(), false) {
            Ok(object) => return Ok(Written { status: StatusCode::OK, object, warnings }),
            Err(Setback::Failed(failure)) => return Err(failure),
            Err(Setback::Raced) => {}
        }
    }
    Err(Failure::modified(&target.kind, target.name()))
}

/// `PATCH` in any of its forms.
pub(crate) fn patch(
    api: &Api,
    target: &Target,
    options: &WriteOptions,
    headers: &HeaderMap,
    body: &Bytes,
) -> Result<Written, Failure> {
    let kind = PatchKind::of(request::content_type(headers), target.kind.custom)?;
    if kind == PatchKind::Apply {
        return apply(api, target, options, body);
    }
    if options.force.is_some() {
        let error = FieldError {
            field: "force".into(),
            reason: "FieldValueForbidden",
            message: "Forbidden: may not be specified for non-apply patch".into(),
        };
        return Err(Failure::invalid(None, "", &[error]));
    }
    for _ in 0..ATTEMPTS {
        let live = read::find(&api.store, target)?;
        let mut base = (*live).clone();
        base["apiVersion"] = target.api_version().into();
        let mut new = patch::patched(kind, &target.kind.schema, &base, body)?;
        check_identity(target, &new)?;
        check_types(target, &new)?;
        let warnings = check_fields(target, &mut new, options.validation, |before, detail| {
            let shown = if kind == PatchKind::Strategic {
                String::from_utf8_lossy(body).into_owned()
            } else {
                // As Go writes maps.
                let mut sorted = before.clone();
                sorted.sort_all_objects();
                sorted.to_string()
            };
            Failure::invalid(None, "", &[FieldError::invalid("patch", &shown.into(), &detail)])
        })?;
        match settle(api, target, options, &live, new, false) {
            Ok(object) => return Ok(Written { status: StatusCode::OK, object, warnings }),
            Err(Setback::Failed(failure)) => return Err(failure),
            Err(Setback::Raced) => {}
        }
    }
    Err(Failure::modified(&target.kind, target.name()))
}

fn apply(api: &Api, target: &Target, options: &WriteOptions, body: &Bytes) -> Result<Written, Failure> {
    let mut configuration = request::yaml(body)?;
    check_identity(target, &configuration)?;
    if configuration["kind"].is_null() || configuration["apiVersion"].is_null() {
        return Err(Failure::bad_request("Object 'Kind' is missing in the applied configuration"));
    }
    if configuration["metadata"].get("managedFields").is_some_and(|f| !f.is_null()) {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let mut pruned = configuration.clone();
    if let Some(first) = validate::prune(&target.kind.schema, &mut pruned).first() {
        let place = format!("{}/{}", target.namespace(), target.name());
        let (api_version, kind) = (target.api_version(), &target.kind.kind);
        return Err(Failure::internal(format!(
            "failed to create typed patch object ({place}; {api_version}, Kind={kind}): .{first}: field not declared in schema"
        )));
    }
    check_types(target, &configuration)?;
    metadata(&mut configuration).insert("name".into(), target.name().into());
    if let Some(namespace) = &target.namespace {
        metadata(&mut configuration).insert("namespace".into(), namespace.clone().into());
    }
    let (now, api_version) = (api.store.now(), target.api_version());
    let writer = writer(options, target, &api_version, &now);
    for _ in 0..ATTEMPTS {
        let live = api.store.get(&target.kind.group, &target.kind.plural, target.namespace(), target.name());
        let merged =
            managed::apply(&target.kind, live.as_deref(), &configuration, &writer, options.force == Some(true))
                .map_err(|conflicts| apply_conflict(&conflicts))?;
        let Some(live) = live else {
            let merged = if target.subresource.is_some() {
                return Err(Failure::not_found(&target.kind, target.name()));
            } else {
                merged
            };
            return store_new(api, target, options, merged, Vec::new(), true);
        };
        match settle(api, target, options, &live, merged, true) {
            Ok(object) => return Ok(Written { status: StatusCode::OK, object, warnings: Vec::new() }),
            Err(Setback::Failed(failure)) => return Err(failure),
            Err(Setback::Raced) => {}
        }
    }
    Err(Failure::modified(&target.kind, target.name()))
}

fn apply_conflict(conflicts: &[Conflict]) -> Failure {
    let causes: Vec<Value> = conflicts
        .iter()
        .map(|c| {
            json!({"reason": "FieldManagerConflict", "message": format!("conflict with {}", c.owner), "field": c.field})
        })
        .collect();
    let message = match conflicts {
        [only] => format!("Apply failed with 1 conflict: conflict with {}: {}", only.owner, only.field),
        several => {
            let mut owners: Vec<&str> = several.iter().map(|c| c.owner.as_str()).collect();
            owners.sort_unstable();
            owners.dedup();
            let mut lines = Vec::new();
            for owner in owners {
                lines.push(format!("conflicts with {owner}:"));
                lines.extend(several.iter().filter(|c| c.owner == owner).map(|c| format!("- {}", c.field)));
            }
            format!("Apply failed with {} conflicts: {}", several.len(), lines.join("\n"))
        }
    };
    Failure::apply_conflict(message, causes.into())
}

/// Checks a new state of an existing object and stores it. `owned` says that its managedFields are settled.
fn settle(
    api: &Api,
    target: &Target,
    options: &WriteOptions,
    live: &Object,
    mut new: Value,
    owned: bool,
) -> Result<Value, Setback> {
    let kind = &target.kind;
    let asked = new["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    if !asked.is_empty() && live["metadata"]["resourceVersion"] != asked {
        return Err(Failure::modified(kind, target.name()).into());
    }
    if let (Some(asked), Some(found)) = (new["metadata"]["uid"].as_str(), live["metadata"]["uid"].as_str())
        && asked != found
    {
        let what = format!("Precondition failed: UID in precondition: {asked}, UID in object meta: {found}");
        return Err(Failure::precondition(kind, target.name(), &what).into());
    }
    for field in [
        "name",
        "namespace",
        "uid",
        "creationTimestamp",
        "resourceVersion",
        "generation",
        "deletionTimestamp",
        "selfLink",
    ] {
        match live["metadata"].get(field) {
            Some(value) => metadata(&mut new).insert(field.into(), value.clone()),
            None => metadata(&mut new).remove(field),
        };
    }
    if target.subresource() == "status" {
        new = with_status_only(live, &new, kind.custom);
    } else if kind.subresource("status").is_some()
        && let Some(map) = new.as_object_mut()
    {
        match live.get("status") {
            Some(status) => map.insert("status".into(), status.clone()),
            None => map.remove("status"),
        };
    }
    api.store.normalise(kind, &mut new);
    if !owned {
        let (now, api_version) = (api.store.now(), target.api_version());
        managed::update(kind, Some(live), &mut new, &writer(options, target, &api_version, &now));
    }
    api.store.count_generation(kind, Some(live), &mut new);
    admission::admit(&api.store, &api.faults(), kind, Some(live), &new)?;
    if managed::same_but_times(live, &new) {
        return Ok((**live).clone());
    }
    if options.dry_run {
        return Ok(new);
    }
    let finalized = new["metadata"]["finalizers"].as_array().is_none_or(Vec::is_empty);
    if finalized && !new["metadata"]["deletionTimestamp"].is_null() {
        // The last finalizer of an object that is being deleted is gone: so is the object.
        return api.store.remove(kind, live).map(|()| new).map_err(|_| Setback::Raced);
    }
    api.store.commit(kind, Some(live), new).map(|stored| (*stored).clone()).map_err(|_| Setback::Raced)
}

/// A write to the status leaves everything else alone; of built-in kinds it may also change annotations.
fn with_status_only(live: &Value, new: &Value, custom: bool) -> Value {
    let mut result = live.clone();
    if let Some(map) = result.as_object_mut() {
        match new.get("status") {
            Some(status) => map.insert("status".into(), status.clone()),
            None => map.remove("status"),
        };
    }
    let copied: &[&str] = if custom { &["managedFields"] } else { &["managedFields", "annotations"] };
    for field in copied {
        match new["metadata"].get(*field) {
            Some(value) => metadata(&mut result).insert((*field).into(), value.clone()),
            None => metadata(&mut result).remove(*field),
        };
    }
    result
}
