//! The lab against 54 recorded exchanges of a real kube-apiserver 1.37.2 (`testdata/kubernetes`).
//!
//! Status, the headers that matter, and every value of every body must be as recorded, but for [`ALLOWED`].
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod api;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use api::{Answer, Cluster};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

/// A difference between record and lab that is as it should be.
struct Allowed {
    /// Numbers of the exchanges, `*` for all.
    exchanges: &'static str,
    /// Where: steps separated by `/` (one in a name is `~1`), `*` for any one step, `**` at the end for everything below.
    path: &'static str,
    /// Why.
    reason: &'static str,
}

const fn allow(exchanges: &'static str, path: &'static str, reason: &'static str) -> Allowed {
    Allowed { exchanges, path, reason }
}

/// Every allowed difference, in this one place. An entry that no exchange needs fails the test.
const ALLOWED: &[Allowed] = &[
    allow("*", "header/transfer-encoding", "how long bodies are cut into pieces is the HTTP library's choice"),
    allow("01", "gitVersion", "the lab says that it is the lab"),
    allow("01", "gitCommit", "the lab is built from other sources"),
    allow("01", "goVersion", "the lab is not written in Go"),
    allow("01", "compiler", "the lab is not written in Go"),
    allow("02 03 07", "header/etag", "a fingerprint of another document"),
    allow("02", "items/0/versions/v1/resources/*", "kinds that the lab does not serve"),
    allow("02", "items/0/versions/v1/resources/*/subresources/*", "subresources that the lab does not serve"),
    allow("03", "items/*", "groups that the lab does not serve"),
    allow("03", "items/*/versions/*", "versions that the lab does not serve"),
    allow("03", "items/*/versions/*/resources/*", "kinds that the lab does not serve"),
    allow("04", "groups/*", "groups that the lab does not serve"),
    allow("04", "groups/*/versions/*", "versions that the lab does not serve"),
    allow("05", "resources/*/storageVersionHash", "a hash of etcd's storage version; the lab has no etcd"),
    allow("06", "paths/*", "groups that the lab does not serve"),
    allow("06", "paths/*/serverRelativeURL", "a fingerprint of another document"),
    allow("07", "components/schemas/**", "described by its own comparison, as far as kubectl reads schemas"),
    allow("07", "paths/**", "described by its own comparison, as far as kubectl reads operations"),
    allow("08 09 10", "columnDefinitions/*/description", "prose of Kubernetes' documentation is not copied"),
    allow("32 33 35 45", "metadata/uid", "a new object's uid is random; the lab's is the same in every run"),
    allow("33 35", "details/uid", "a new object's uid is random; the lab's is the same in every run"),
    allow("41", "count", "the record was cut at 60,000 characters"),
    allow("41", "events/*", "the record was cut at 60,000 characters"),
    allow("44 45", "metadata/managedFields/*/time", "the lab's clock stands still between two exchanges"),
    allow("45", "metadata/creationTimestamp", "the lab's clock stands still between two exchanges"),
];

struct Exchange {
    name: String,
    method: Method,
    path: String,
    accept: String,
    media_type: Option<String>,
    body: String,
    status: u16,
    headers: BTreeMap<String, String>,
    answer: String,
}

fn folder() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("testdata/kubernetes")
}

fn read(path: &Path) -> Exchange {
    let text = std::fs::read_to_string(path).unwrap();
    let mut lines = text.lines();
    let mut request = Vec::new();
    let mut status = String::new();
    for line in lines.by_ref() {
        if let Some(line) = line.strip_prefix("> ") {
            request.push(line.to_owned());
        } else if let Some(line) = line.strip_prefix("< ") {
            status = line.to_owned();
            break;
        }
    }
    let mut headers = BTreeMap::new();
    for line in lines.by_ref() {
        let Some((name, value)) = line.strip_prefix("< ").and_then(|l| l.split_once(": ")) else { break };
        headers.insert(name.to_lowercase(), value.to_owned());
    }
    let answer = lines.collect::<Vec<_>>().join("\n");
    let (method, path_and_query) = request[0].split_once(' ').unwrap();
    let header = |name: &str| request.iter().find_map(|l| l.strip_prefix(name)).map(str::to_owned);
    let body = request.iter().skip(1).find(|l| !l.starts_with("Accept: ") && !l.starts_with("Content-Type: "));
    Exchange {
        name: path.file_stem().unwrap().to_string_lossy().into_owned(),
        method: method.parse().unwrap(),
        path: path_and_query.to_owned(),
        accept: header("Accept: ").unwrap(),
        media_type: header("Content-Type: "),
        body: body.cloned().unwrap_or_default(),
        status: status.split(' ').next().unwrap().parse().unwrap(),
        headers,
        answer,
    }
}

fn exchanges() -> Vec<Exchange> {
    let mut files: Vec<_> =
        std::fs::read_dir(folder().join("exchanges")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files.iter().map(|file| read(file)).collect()
}

/// The objects in the order of their versions, with the older states that the watch of exchange 41 replays.
fn objects(exchanges: &[Exchange]) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join("cluster.json")).unwrap();
    let mut objects: Vec<Value> = serde_json::from_str(&text).unwrap();
    let watch = exchanges.iter().find(|e| e.name.starts_with("41")).unwrap();
    objects.extend(events(&watch.answer).into_iter().map(|event| event["object"].clone()));
    let version = |o: &Value| o["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap();
    objects.sort_by_key(version);
    objects.dedup_by_key(|o| version(o));
    // The record's first list is of version 647.
    let mut last =
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "last", "namespace": "default"}});
    last["metadata"]["resourceVersion"] = "647".into();
    objects.push(last);
    objects
}

/// The complete events of a watch; the record of a long one ends in the middle.
fn events(text: &str) -> Vec<Value> {
    text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect()
}

#[tokio::test]
async fn every_recorded_exchange_is_answered_as_recorded() {
    let exchanges = exchanges();
    assert_eq!(exchanges.len(), 54);
    let now: Timestamp = "2026-11-23T17:36:14Z".parse().unwrap();
    let recorded_log = &exchanges.iter().find(|e| e.name.starts_with("47")).unwrap().answer;
    let mut lines = vec![(now, "an older line".to_owned())];
    lines.extend(recorded_log.lines().filter(|l| !l.is_empty()).map(|line| (now, line.to_owned())));
    let cluster = Cluster::restored(now, objects(&exchanges), lines).await;
    let mut used = BTreeSet::new();
    let mut wrong = Vec::new();
    for exchange in &exchanges {
        let answer = replay(&cluster, exchange).await;
        for (path, recorded, lab) in differences(exchange, &answer) {
            match ALLOWED.iter().position(|a| allows(a, exchange, &path)) {
                Some(index) => {
                    used.insert(index);
                }
                None => wrong.push(format!("{} {path}:\n  recorded {recorded}\n  lab      {lab}", exchange.name)),
            }
        }
    }
    for (index, allowed) in ALLOWED.iter().enumerate().filter(|(index, _)| !used.contains(index)) {
        wrong.push(format!(
            "the allowance {index} ({} {}: {}) is not needed",
            allowed.exchanges, allowed.path, allowed.reason
        ));
    }
    assert!(wrong.is_empty(), "{} differences:\n{}", wrong.len(), wrong.join("\n"));
}

async fn replay(cluster: &Cluster, exchange: &Exchange) -> Answer {
    let mut authorization = None;
    if exchange.name.starts_with("52") {
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}});
        let path = "/api/v1/namespaces/summit/serviceaccounts/default/token";
        let answer = cluster.call(Method::POST, path, "application/json", request.to_string()).await;
        authorization = Some(format!("Bearer {}", answer.json()["status"]["token"].as_str().unwrap()));
    }
    if exchange.name.starts_with("53") {
        authorization = Some("Bearer bad".to_owned());
    }
    let mut headers = vec![("accept", exchange.accept.as_str())];
    headers.extend(exchange.media_type.as_deref().map(|m| ("content-type", m)));
    headers.extend(authorization.as_deref().map(|a| ("authorization", a)));
    cluster.call_with(exchange.method.clone(), &exchange.path, &headers, exchange.body.clone()).await
}

fn differences(exchange: &Exchange, answer: &Answer) -> Vec<(String, String, String)> {
    let mut found = Vec::new();
    if answer.status.as_u16() != exchange.status {
        let lab = format!("{} {}", answer.status, answer.body);
        found.push(("status".to_owned(), exchange.status.to_string(), lab));
    }
    for (name, recorded) in &exchange.headers {
        let lab = answer.headers.get(name).map(|v| v.to_str().unwrap().to_owned()).unwrap_or_default();
        if lab != *recorded {
            found.push((format!("header/{name}"), recorded.clone(), lab));
        }
    }
    let parse = |text: &str| -> Value {
        if exchange.path.contains("watch=true") && exchange.status == 200 {
            let events = events(text);
            let count = events.len();
            return json!({"events": events, "count": count});
        }
        serde_json::from_str(text).unwrap_or_else(|_| text.trim_end().into())
    };
    compare(&parse(&exchange.answer), &parse(&answer.body), "", &mut found);
    found
}

/// What an item of a list is known by, if by anything.
fn key(item: &Value) -> Option<String> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let named = ["resource", "subresource", "name", "manager", "version"].iter().find_map(|name| text(&item[*name]));
    named.or_else(|| text(&item["metadata"]["name"]))
}

fn keyed(list: &[Value]) -> BTreeMap<String, &Value> {
    let keys: Option<BTreeSet<String>> = list.iter().map(key).collect();
    let unique = keys.is_some_and(|k| k.len() == list.len());
    let name = |index: usize, item: &Value| if unique { key(item).unwrap() } else { index.to_string() };
    list.iter().enumerate().map(|(index, item)| (name(index, item), item)).collect()
}

fn compare(recorded: &Value, lab: &Value, path: &str, found: &mut Vec<(String, String, String)>) {
    if recorded == lab {
        return;
    }
    let below = |step: &str| {
        let step = step.replace('/', "~1");
        if path.is_empty() { step } else { format!("{path}/{step}") }
    };
    let (recorded, lab): (BTreeMap<String, &Value>, BTreeMap<String, &Value>) = match (recorded, lab) {
        (Value::Object(a), Value::Object(b)) => {
            (a.iter().map(|(k, v)| (k.clone(), v)).collect(), b.iter().map(|(k, v)| (k.clone(), v)).collect())
        }
        (Value::Array(a), Value::Array(b)) => (keyed(a), keyed(b)),
        _ => {
            let short = |value: &Value| value.to_string().chars().take(400).collect::<String>();
            found.push((path.to_owned(), short(recorded), short(lab)));
            return;
        }
    };
    let steps: BTreeSet<&String> = recorded.keys().chain(lab.keys()).collect();
    for step in steps {
        match (recorded.get(step), lab.get(step)) {
            (Some(a), Some(b)) => compare(a, b, &below(step), found),
            (Some(a), None) => found.push((below(step), a.to_string().chars().take(400).collect(), "nothing".into())),
            (None, Some(b)) => found.push((below(step), "nothing".into(), b.to_string().chars().take(400).collect())),
            (None, None) => {}
        }
    }
}

fn allows(allowed: &Allowed, exchange: &Exchange, path: &str) -> bool {
    let number = &exchange.name[..2];
    if allowed.exchanges != "*" && !allowed.exchanges.split(' ').any(|e| e == number) {
        return false;
    }
    let mut steps = path.split('/');
    let mut pattern = allowed.path.split('/');
    loop {
        match (pattern.next(), steps.next()) {
            (Some("**"), Some(_)) => return true,
            (Some("*"), Some(_)) => {}
            (Some(wanted), Some(step)) if wanted == step => {}
            (None, None) => return true,
            _ => return false,
        }
    }
}

/// What kubectl reads of an OpenAPI document: the schema of each kind by its group, version and kind, with the
/// structure of the fields, and the parameters of PATCH.
#[tokio::test]
async fn openapi_documents_say_the_same_to_kubectl() {
    let exchanges = exchanges();
    let exchange = exchanges.iter().find(|e| e.name.starts_with("07")).unwrap();
    let recorded: Value = serde_json::from_str(&exchange.answer).unwrap();
    let cluster = Cluster::with(&[]).await;
    let lab = cluster.get(&exchange.path).await.json();
    let kinds = recorded["components"]["schemas"].as_object().unwrap();
    let mut compared = 0;
    for (name, schema) in kinds.iter().filter(|(name, _)| name.starts_with("io.istio.") && !name.ends_with("List")) {
        let own = &lab["components"]["schemas"][name];
        assert_eq!(own["x-kubernetes-group-version-kind"], schema["x-kubernetes-group-version-kind"], "{name}");
        let mut found = Vec::new();
        compare(&structure(schema), &structure(own), "", &mut found);
        assert!(found.is_empty(), "{name}: {found:#?}");
        compared += 1;
    }
    assert_eq!(compared, 7);
    for (path, operations) in recorded["paths"].as_object().unwrap() {
        let names = |operations: &Value| -> BTreeSet<String> {
            let parameters = operations["patch"]["parameters"].as_array().cloned().unwrap_or_default();
            parameters.iter().map(|p| p["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(names(&lab["paths"][path]), names(operations), "{path}");
    }
}

/// A schema's fields and types, without constraints that OpenAPI v3 repeats in another form.
fn structure(schema: &Value) -> Value {
    let mut result = json!({});
    for word in
        ["type", "required", "enum", "format", "x-kubernetes-preserve-unknown-fields", "x-kubernetes-int-or-string"]
    {
        if let Some(value) = schema.get(word) {
            result[word] = value.clone();
        }
    }
    if let Some(properties) = schema["properties"].as_object() {
        let below = properties.iter().filter(|(name, _)| *name != "metadata");
        result["properties"] =
            below.map(|(name, s)| (name.clone(), structure(s))).collect::<serde_json::Map<_, _>>().into();
    }
    for word in ["items", "additionalProperties"] {
        if schema[word].is_object() {
            result[word] = structure(&schema[word]);
        }
    }
    result
}
