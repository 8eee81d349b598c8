//! Redaction of texts and documents.
//!
//! Beyond "no panic": what is redacted stays as it is when it is redacted again, a document keeps its shape, and a
//! password that stands behind any text is gone, in whichever form it stands there.

use meshbook_runtime::record::redact::{text, value};
use serde_json::{Value, json};

const PASSWORD: &str = "hunter2hunter2";

/// Ways in which it stands in logs, pages and files.
const SECRETS: [&str; 6] = [
    "password=hunter2hunter2",
    "\"client_secret\": \"hunter2hunter2\"",
    "Authorization: Bearer hunter2hunter2",
    "postgres://user:hunter2hunter2@db:5432/x",
    "-----BEGIN RSA PRIVATE KEY-----\nhunter2hunter2\n-----END RSA PRIVATE KEY-----",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.hunter2hunter2",
];

/// See the module.
pub fn run(given: &str) {
    let once = text(given);
    assert_eq!(text(&once), once, "of {given:?}");
    for secret in SECRETS {
        let planted = text(&format!("{given}\n{secret}\n"));
        assert!(given.contains(PASSWORD) || !planted.contains(PASSWORD), "{planted:?}");
    }
    let Ok(mut document) = serde_json::from_str::<Value>(given) else { return };
    let before = document.clone();
    value(&mut document);
    assert_eq!(shape(&document), shape(&before));
    let once = document.clone();
    value(&mut document);
    assert_eq!(document, once);
    let mut secret = json!({ "kind": "Secret", "data": { "key": before } });
    value(&mut secret);
    assert!(secret["data"]["key"].is_null() || secret["data"]["key"] == "[redacted]");
}

/// The keys, and the lengths of lists; a value is a value.
fn shape(value: &Value) -> Value {
    match value {
        Value::Object(_) if value["kind"] == "Secret" => Value::Null,
        Value::Object(fields) => fields.iter().map(|(key, value)| (key.clone(), shape(value))).collect(),
        Value::Array(items) => items.iter().map(shape).collect(),
        _ => Value::Null,
    }
}
