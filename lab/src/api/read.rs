//! Get and list, and how objects are shown in the version and form that the client asked for.

use std::fmt::Write as _;

use axum::body::Body;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use jiff::Timestamp;
use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::{Value, json};

use super::request::{Form, Query, Target};
use super::selector::Selector;
use super::status::Failure;
use super::table;
use crate::crd::ResourceType;
use crate::store::{Object, Store};

/// An object in the version of a request, without a copy.
pub(crate) struct View<'a> {
    pub(crate) object: &'a Value,
    /// The `apiVersion` to show.
    pub(crate) api_version: &'a str,
    /// Without `kind` and `apiVersion`, as items of built-in lists are.
    pub(crate) bare: bool,
}

impl Serialize for View<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Some(fields) = self.object.as_object() else { return self.object.serialize(serializer) };
        let mut map = serializer.serialize_map(None)?;
        if !self.bare {
            map.serialize_entry("kind", &fields["kind"])?;
            map.serialize_entry("apiVersion", self.api_version)?;
        }
        for (name, value) in fields.iter().filter(|(name, _)| !matches!(name.as_str(), "kind" | "apiVersion")) {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

/// The object's metadata alone, as a `PartialObjectMetadata`.
pub(crate) fn metadata_of(object: &Value) -> Value {
    json!({"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": object["metadata"]})
}

/// A JSON answer with the headers of a real server.
pub(crate) fn answer(status: StatusCode, body: &impl Serialize) -> Response<Body> {
    match serde_json::to_vec(body) {
        Ok(mut bytes) => {
            bytes.push(b'\n');
            let mut response = Response::new(Body::from(bytes));
            *response.status_mut() = status;
            let headers = response.headers_mut();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-cache, private"));
            response
        }
        Err(error) => Failure::internal(error.to_string()).response(),
    }
}

/// One object in the form asked for.
pub(crate) fn show(target: &Target, form: Form, status: StatusCode, object: &Value, now: Timestamp) -> Response<Body> {
    match form {
        Form::Object => {
            let api_version = target.api_version();
            answer(status, &View { object, api_version: &api_version, bare: false })
        }
        Form::Metadata => answer(status, &metadata_of(object)),
        Form::Table => {
            let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
            answer(status, &table::table(&target.kind, &[object], json!({"resourceVersion": version}), now, true))
        }
    }
}

pub(crate) fn get(store: &Store, target: &Target, form: Form, now: Timestamp) -> Result<Response<Body>, Failure> {
    let object = find(store, target)?;
    Ok(show(target, form, StatusCode::OK, &object, now))
}

/// The object that the request names.
pub(crate) fn find(store: &Store, target: &Target) -> Result<Object, Failure> {
    store
        .get(&target.kind.group, &target.kind.plural, target.namespace(), target.name())
        .ok_or_else(|| Failure::not_found(&target.kind, target.name()))
}

/// Where the next page begins, as the `continue` token carries it.
#[derive(serde::Serialize, serde::Deserialize)]
struct Continue {
    v: String,
    rv: u64,
    start: String,
}

pub(crate) fn list(
    store: &Store,
    target: &Target,
    query: &Query,
    form: Form,
    now: Timestamp,
) -> Result<Response<Body>, Failure> {
    let selector = Selector::of(&target.kind, query)?;
    let (objects, mut version) = store.snapshot(&target.kind, target.namespace.as_deref());
    if let Some(asked) = query.get("resourceVersion")
        && asked.parse::<u64>().is_err()
    {
        let message =
            format!("resourceVersion: Invalid value: {asked:?}: strconv.ParseUint: parsing {asked:?}: invalid syntax");
        return Err(Failure::internal(message));
    }
    let mut objects: Vec<Object> = objects.into_iter().filter(|o| selector.matches(o)).collect();
    if let Some(token) = query.get("continue") {
        let next = decode_token(token)?;
        objects.retain(|o| key(target, o) >= next.start);
        version = next.rv;
    }
    let mut metadata = json!({"resourceVersion": version.to_string()});
    let limit = query.number("limit").map_or(0, |n| usize::try_from(n).unwrap_or(usize::MAX));
    if limit > 0 && objects.len() > limit {
        // The token names the first key after the last item shown, as etcd's range would go on.
        let start = format!("{}\0", key(target, &objects[limit - 1]));
        let token = Continue { v: "meta.k8s.io/v1".into(), rv: version, start };
        metadata["continue"] = encode_token(&token).into();
        metadata["remainingItemCount"] = (objects.len() - limit).into();
        objects.truncate(limit);
    }
    Ok(show_list(&target.kind, &target.api_version(), form, &objects, metadata, now))
}

/// A list in the form asked for.
pub(crate) fn show_list(
    kind: &ResourceType,
    api_version: &str,
    form: Form,
    objects: &[Object],
    metadata: Value,
    now: Timestamp,
) -> Response<Body> {
    match form {
        Form::Object => {
            let items = objects.iter().map(|o| View { object: o, api_version, bare: !kind.custom }).collect();
            answer(StatusCode::OK, &List { kind: format!("{}List", kind.kind), api_version, metadata, items })
        }
        Form::Metadata => {
            let items: Vec<Value> = objects.iter().map(|o| metadata_of(o)).collect();
            let list = json!({
                "kind": "PartialObjectMetadataList",
                "apiVersion": "meta.k8s.io/v1",
                "metadata": metadata,
                "items": items,
            });
            answer(StatusCode::OK, &list)
        }
        Form::Table => {
            let objects: Vec<&Value> = objects.iter().map(AsRef::as_ref).collect();
            answer(StatusCode::OK, &table::table(kind, &objects, metadata, now, true))
        }
    }
}

#[derive(serde::Serialize)]
#[serde(rename_all = "camelCase")]
struct List<'a> {
    kind: String,
    api_version: &'a str,
    metadata: Value,
    items: Vec<View<'a>>,
}

/// The object's place in the storage order, relative to what is listed.
fn key(target: &Target, object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let name = text(&object["metadata"]["name"]);
    if target.namespace.is_some() || !target.kind.namespaced {
        format!("/{name}")
    } else {
        format!("/{}/{name}", text(&object["metadata"]["namespace"]))
    }
}

const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64 for URLs without padding (RFC 4648 §5), as continue tokens are.
fn encode_token(token: &Continue) -> String {
    let json = serde_json::to_string(token).unwrap_or_default();
    let mut text = String::new();
    for chunk in json.as_bytes().chunks(3) {
        let bits = chunk.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - chunk.len()));
        for place in 0..=chunk.len() {
            let _ = write!(text, "{}", char::from(ALPHABET[(bits >> (18 - 6 * place)) as usize & 63]));
        }
    }
    text
}

fn decode_token(text: &str) -> Result<Continue, Failure> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for letter in text.bytes() {
        let Some(value) = ALPHABET.iter().position(|l| *l == letter) else {
            let message = format!(
                "invalid continue token: continue key is not valid: illegal base64 data at input byte {}",
                bytes.len()
            );
            return Err(Failure::bad_request(message));
        };
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held & 0xff) as u8);
        }
    }
    serde_json::from_slice(&bytes).map_err(|_| {
        let first = bytes.first().map(|b| char::from(*b)).unwrap_or_default();
        Failure::bad_request(format!(
            "invalid continue token: continue key is not valid: invalid character '{first}' looking for beginning of value"
        ))
    })
}
