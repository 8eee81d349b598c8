//! Keeps secrets out of every sink: record, report, log.
//!
//! What is redacted: `data` and `stringData` of a Secret and its last-applied annotation, values under keys that name
//! a password, token or key, `Authorization` and other credentials in headers, bearer tokens, JSON Web Tokens, identities
//! of age and private keys wherever they stand in text; what a file holds that is written.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::{Map, Value};

use super::event::{ChangeOutcome, Changing, Event, UndoOutcome};
use crate::change::FieldChange;
use crate::change::field::Step;
use crate::effect::{Call, Reply};

/// What stands in a secret's place.
pub const REDACTED: &str = "[redacted]";

/// Why a change of secret values cannot be taken back from the record.
pub(crate) const IRREVERSIBLE: &str =
    "its values are secret, so the record does not keep them; only the run itself can take it back";

const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Keys whose values are secret, in lower case and without `-`, `_` and `.`. A key fits if it ends with one of them.
const SECRET_KEYS: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "secretkey",
    "clientsecret",
    "accesstoken",
    "refreshtoken",
    "bearertoken",
    "apikey",
    "privatekey",
    "authorization",
    "setcookie",
];

/// Keys that are secret only as a whole: as an ending they would hit names such as `imagePullSecret`.
const SECRET_NAMES: [&str; 4] = ["token", "cookie", "secret", "pwd"];

/// How everything that [`SECRET`] finds begins; mixed case inside a word is for people, not for programs.
#[rustfmt::skip]
const BEGINNINGS: [&str; 31] = [
    "-----BEGIN", "AGE-SECRET", "eyJ", "://",
    "bear", "Bear", "BEAR", "basi", "Basi", "BASI", "passw", "Passw", "PASSW", "passp", "Passp", "PASSP",
    "secr", "Secr", "SECR", "clie", "Clie", "CLIE", "api", "Api", "API", "acce", "Acce", "ACCE", "refr", "Refr", "REFR",
];

/// The same for long texts: a config dump is searched for literals a hundred times faster than for the whole pattern.
static START: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&BEGINNINGS.join("|")).expect("the literals hold no operators"));

/// Texts up to this length, in bytes, are looked at before a pattern is compiled, which takes longer than all of a run
/// that shows a line.
const SHORT: usize = 256;

static SECRET: LazyLock<Regex> = LazyLock::new(|| {
    let private_key = r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|\z)";
    let age_identity = r"AGE-SECRET-KEY-[0-9A-Z-]+";
    let web_token = r"eyJ[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]*";
    let credentials = r"(?i:(?:bearer|basic)\s+)[A-Za-z0-9+/=._~-]{8,}";
    let in_url = r"(?P<user>://[^\s/:@]+:)[^\s/@]+@";
    let assigned = r#"(?P<key>(?i:(?:password|passwd|passphrase|secret[-_]?key|client[-_]?secret|api[-_]?key|access[-_]?token|refresh[-_]?token))\\?["']?\s*[=:]\s*\\?["']?)[^\s"'\\,;&}]+"#;
    Regex::new(&format!(r"(?s)\A(?:{private_key}|{age_identity}|{web_token}|{credentials}|{in_url}|{assigned})"))
        .expect("the pattern is a constant that the tests compile")
});

/// Removes secrets from an event. Answers a reply as it was before, if some of it had to go.
pub(crate) fn event(event: &mut Event) -> Option<Reply> {
    match event {
        Event::Looked { effect, reply, failure, .. } => {
            call(&mut effect.call);
            said(failure.as_mut());
            return reply.as_mut().and_then(self::reply);
        }
        Event::Shown { table, value: shown } => {
            value(shown);
            redact_text(&mut table.title);
            table.rows.iter_mut().flatten().chain(&mut table.notes).for_each(redact_text);
        }
        Event::Checked { detail, .. } => detail.iter_mut().for_each(redact_text),
        Event::Proved { condition, seen, .. } => {
            redact_text(condition);
            seen.iter_mut().for_each(redact_text);
        }
        Event::Changing(inner) | Event::Planned(inner) => changing(inner),
        Event::ChangeAnswered { outcome, .. } => match outcome {
            ChangeOutcome::Made { post_image } => value(post_image),
            ChangeOutcome::NotMade { failure } | ChangeOutcome::Unknown { failure } => redact_text(&mut failure.1),
        },
        Event::TakenBack { outcome, .. } => undo_outcome(outcome),
        // Which kind of object it is, is not told here; its data are secret in any case.
        Event::SettingBack { fields, .. } => fields.iter_mut().for_each(|change| field(change, true)),
        Event::Warning { message } | Event::NotEvaluated { what: message } => redact_text(message),
        Event::Ended(ended) => {
            redact_text(&mut ended.message);
            ended.left_behind.iter_mut().for_each(|(_, why)| redact_text(why));
            ended.hint.iter_mut().chain(&mut ended.unchanged).for_each(redact_text);
        }
        Event::Started(started) => started.params = params(&started.params),
        Event::Input { text, .. } => redact_text(text),
        Event::InputEnded { failure, .. } => {
            failure.iter_mut().for_each(|(_, message)| redact_text(message));
        }
        Event::StepStarted { .. }
        | Event::StepEnded { .. }
        | Event::Settled { .. }
        | Event::TakingBack { .. }
        | Event::Undoing { .. } => {}
    }
    None
}

/// Removes secrets from a reply, and answers it as it was if it had some. Thousands of objects without a secret are only
/// looked through.
fn reply(reply: &mut Reply) -> Option<Reply> {
    let hides_some = match reply {
        Reply::Json(document) => holds_some(document),
        Reply::Text(text) | Reply::Http { body: text, .. } => without_secrets(text).is_some(),
        Reply::Time(_) | Reply::Done => false,
    };
    if !hides_some {
        return None;
    }
    let whole = reply.clone();
    match reply {
        Reply::Json(document) => value(document),
        Reply::Text(text) | Reply::Http { body: text, .. } => redact_text(text),
        Reply::Time(_) | Reply::Done => {}
    }
    Some(whole)
}

/// Removes secrets from a change.
pub(crate) fn changing(changing: &mut Changing) {
    // What is created has no pre-image: the object itself is what is sent.
    let secret = is_secret(&changing.pre_image) || is_secret(&changing.patch);
    value(&mut changing.pre_image);
    if secret {
        secret_data(&mut changing.patch);
    }
    value(&mut changing.patch);
    for change in &mut changing.fields {
        field(change, secret);
    }
}

/// Whether redaction takes away what the inverse of a change needs.
pub(crate) fn hides_a_field(of: &Changing) -> bool {
    let mut redacted = of.clone();
    changing(&mut redacted);
    redacted.fields != of.fields
}

/// Removes secrets from the parameters of a run.
pub(crate) fn params(params: &BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    let redacted = |(name, given): (&String, &Value)| {
        let mut given = given.clone();
        if is_secret_key(name) {
            given = REDACTED.into()
        } else {
            value(&mut given)
        }
        (name.clone(), given)
    };
    params.iter().map(redacted).collect()
}

/// Removes secrets from a document.
pub fn value(document: &mut Value) {
    match document {
        Value::String(text) => redact_text(text),
        Value::Array(items) => items.iter_mut().for_each(value),
        Value::Object(_) if is_secret(document) => {
            secret_data(document);
            object(document);
        }
        Value::Object(_) if is_file(document) => document["content"] = REDACTED.into(),
        Value::Object(_) => object(document),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether [`value`] may change anything in a document.
fn holds_some(document: &Value) -> bool {
    match document {
        Value::String(text) => without_secrets(text).is_some(),
        Value::Array(items) => items.iter().any(holds_some),
        Value::Object(fields) => {
            let named_secret = is_named_secret(fields);
            is_secret(document)
                || is_file(document)
                || fields.iter().any(|(key, inner)| hides(key, inner, named_secret) || holds_some(inner))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

/// Removes secrets from text.
pub fn text(text: &str) -> String {
    without_secrets(text).unwrap_or_else(|| text.to_owned())
}

fn redact_text(place: &mut String) {
    if let Some(redacted) = without_secrets(place) {
        *place = redacted;
    }
}

/// The text without its secrets; `None` if it has none.
fn without_secrets(text: &str) -> Option<String> {
    if text.len() <= SHORT && !may_begin(text) {
        return None;
    }
    let mut redacted = String::new();
    let mut copied = 0;
    let mut from = 0;
    while let Some(start) = START.find_at(text, from) {
        from = start.end();
        let Some(found) = SECRET.captures(&text[start.start()..]) else { continue };
        redacted.push_str(&text[copied..start.start()]);
        match (found.name("user"), found.name("key")) {
            (Some(user), _) => redacted.extend([user.as_str(), REDACTED, "@"]),
            (_, Some(key)) => redacted.extend([key.as_str(), REDACTED]),
            _ => redacted.push_str(REDACTED),
        }
        copied = start.start() + found.get_match().len();
        from = copied;
    }
    if copied == 0 {
        return None;
    }
    redacted.push_str(&text[copied..]);
    Some(redacted)
}

/// The bytes with which [`BEGINNINGS`] begin.
const FIRST: [bool; 256] = {
    let mut first = [false; 256];
    let mut place = 0;
    while place < BEGINNINGS.len() {
        first[BEGINNINGS[place].as_bytes()[0] as usize] = true;
        place += 1;
    }
    first
};

/// Whether one of [`BEGINNINGS`] stands in a text.
fn may_begin(text: &str) -> bool {
    let bytes = text.as_bytes();
    let starts = |(place, byte): (usize, &u8)| {
        FIRST[usize::from(*byte)] && BEGINNINGS.iter().any(|beginning| bytes[place..].starts_with(beginning.as_bytes()))
    };
    bytes.iter().enumerate().any(starts)
}

fn object(document: &mut Value) {
    let Value::Object(fields) = document else {
        return;
    };
    let named_secret = is_named_secret(fields);
    for (key, inner) in fields.iter_mut() {
        if hides(key, inner, named_secret) { *inner = REDACTED.into() } else { value(inner) }
    }
}

/// Whether an object names a secret beside its value, as the environment of a container names its variables.
fn is_named_secret(fields: &Map<String, Value>) -> bool {
    fields.get("name").and_then(Value::as_str).is_some_and(is_secret_key)
}

/// Whether the value of a key is secret as a whole.
fn hides(key: &str, inner: &Value, named_secret: bool) -> bool {
    (is_secret_key(key) || named_secret && key == "value") && (inner.is_string() || inner.is_number())
}

fn is_secret(object: &Value) -> bool {
    object["kind"] == "Secret" && object["apiVersion"].as_str().is_none_or(|version| version == "v1")
}

/// A file that is written: what it holds stands in it, and the record has its hash.
fn is_file(object: &Value) -> bool {
    object["kind"] == "File" && object["apiVersion"] == "" && object["content"].is_string()
}

fn secret_data(secret: &mut Value) {
    for key in ["data", "stringData"] {
        if let Some(entries) = secret.get_mut(key).and_then(Value::as_object_mut) {
            entries.values_mut().filter(|entry| !entry.is_null()).for_each(|entry| *entry = REDACTED.into());
        }
    }
    if let Some(applied) =
        secret.pointer_mut("/metadata/annotations").and_then(|annotations| annotations.get_mut(LAST_APPLIED))
    {
        *applied = REDACTED.into();
    }
}

fn field(change: &mut FieldChange, of_secret: bool) {
    let keys: Vec<&str> = change
        .path
        .0
        .iter()
        .filter_map(|step| if let Step::Key(key) = step { Some(key.as_str()) } else { None })
        .collect();
    let secret = of_secret && (matches!(keys.first(), Some(&("data" | "stringData"))) || keys.contains(&LAST_APPLIED))
        || keys.last().is_some_and(|key| is_secret_key(key));
    for side in [&mut change.before, &mut change.after].into_iter().flatten() {
        if secret { *side = REDACTED.into() } else { value(side) }
    }
}

fn undo_outcome(outcome: &mut UndoOutcome) {
    match outcome {
        UndoOutcome::Conflict { fields, .. } => {
            for conflict in fields {
                let mut change = FieldChange {
                    path: conflict.path.clone(),
                    before: conflict.ours.take(),
                    after: conflict.theirs.take(),
                };
                // Which kind of object it is, is not known here; its data are secret in any case.
                field(&mut change, true);
                (conflict.ours, conflict.theirs) = (change.before, change.after);
            }
        }
        UndoOutcome::LeftAlone { why } => redact_text(why),
        UndoOutcome::Failed { failure } => redact_text(&mut failure.1),
        UndoOutcome::Restored { .. } | UndoOutcome::Deleted | UndoOutcome::Recreated | UndoOutcome::Already => {}
    }
}

fn call(call: &mut Call) {
    match call {
        Call::Pod(request) => {
            redact_text(&mut request.body);
            redact_text(&mut request.path);
        }
        Call::Patch { patch, .. } | Call::TryPatch { patch, .. } => value(patch),
        Call::Apply { configuration, .. } => value(configuration),
        Call::Create { content, .. } => value(content),
        _ => {}
    }
}

fn said(failure: Option<&mut (String, String)>) {
    if let Some((_, message)) = failure {
        redact_text(message);
    }
}

fn is_secret_key(key: &str) -> bool {
    // Every key of every answer comes here: most differ from all of the words in their last letter.
    let letters =
        || key.bytes().rev().filter(|byte| !matches!(byte, b'-' | b'_' | b'.')).map(|b| b.to_ascii_lowercase());
    let Some(last) = letters().next() else { return false };
    let ends_with = |word: &str| {
        let mut left = letters();
        word.bytes().last() == Some(last) && word.bytes().rev().all(|byte| left.next() == Some(byte))
    };
    SECRET_KEYS.iter().any(|word| ends_with(word))
        || SECRET_NAMES.iter().any(|word| ends_with(word) && letters().count() == word.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn redacted(document: Value) -> Value {
        let mut redacted = document.clone();
        value(&mut redacted);
        assert!(redacted == document || holds_some(&document), "{document} goes into the record as it is");
        redacted
    }

    /// Documents of such words as are secret, and of such as only sound alike.
    fn document() -> impl Strategy<Value = Value> {
        let word = prop::sample::select(vec![
            "Secret",
            "v1",
            "File",
            "",
            "data",
            "name",
            "DB_PASSWORD",
            "secretName",
            "password=hunter2",
            "Bearer abcdefghijkl",
            "postgres://user:pa55@db:5432/x",
            "graph-core",
        ]);
        let key = prop::sample::select(vec![
            "kind",
            "apiVersion",
            "name",
            "value",
            "data",
            "content",
            "token",
            "metadata",
            "items",
        ]);
        let leaf = prop_oneof![word.prop_map(Value::from), any::<i32>().prop_map(Value::from), Just(Value::Null)];
        leaf.prop_recursive(4, 40, 5, move |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((key.clone(), inner), 0..5).prop_map(|fields| Value::Object(
                    fields.into_iter().map(|(key, value)| (key.into(), value)).collect()
                )),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_goes_into_the_record_as_it_is_holds_no_secret(document in document()) {
            redacted(document);
        }
    }

    #[test]
    fn every_beginning_is_found_in_a_short_text() {
        for beginning in BEGINNINGS {
            assert!(may_begin(&format!("x {beginning}")), "{beginning}");
        }
        assert!(!may_begin("nothing: here"));
    }

    #[test]
    fn keys_are_secret_by_their_ending_or_as_a_whole() {
        for key in ["db_Password", "x-api-key", "TOKEN", "client.secret", "set-cookie", "Authorization"] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in ["imagePullSecret", "", "-", "passwords", "max_tokens", "mytoken"] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn the_data_of_a_secret_are_gone_and_its_keys_stay() {
        let secret = json!({ "apiVersion": "v1", "kind": "Secret", "data": { "tls.key": "c2VjcmV0" }, "stringData": { "a": "b" },
            "metadata": { "name": "s", "annotations": { LAST_APPLIED: "{\"data\":{}}", "other": "x" } } });
        let expected = json!({ "apiVersion": "v1", "kind": "Secret", "data": { "tls.key": REDACTED }, "stringData": { "a": REDACTED },
            "metadata": { "name": "s", "annotations": { LAST_APPLIED: REDACTED, "other": "x" } } });
        assert_eq!(redacted(json!([secret.clone()])), json!([expected.clone()]));
        assert_eq!(redacted(secret), expected);
    }

    #[test]
    fn a_short_text_is_redacted_as_a_long_one() {
        let pad = " ".repeat(SHORT);
        let texts = BEGINNINGS.iter().flat_map(|beginning| {
            let ending = ["er abcdefghijk", "c abcdefghijk", "ord=x", "hrase=x", "et-key=x", "nt_secret=x", "-key=x"]
                .into_iter()
                .chain(["ss-token=x", "esh-token=x", " PRIVATE KEY-----", "abcde.abcdef.x", "u:p@host"]);
            ending.map(move |ending| format!("{beginning}{ending}"))
        });
        let mut hidden = 0;
        for text in texts.collect::<Vec<_>>() {
            let long = format!("{text}{pad}");
            let short = without_secrets(&text);
            hidden += usize::from(short.is_some());
            match (short, without_secrets(&long)) {
                (None, None) => {}
                (Some(short), Some(long)) => assert_eq!(short.trim_end(), long.trim_end(), "{text}"),
                (short, long) => panic!("{text}: {short:?} and {long:?}"),
            }
        }
        assert!(hidden > 20, "only {hidden} of these texts hold a secret");
    }

    #[test]
    fn a_config_map_keeps_what_is_not_secret() {
        let map = json!({ "kind": "ConfigMap", "data": { "mesh": "enableTracing: true", "admin_password": "x" } });
        assert_eq!(
            redacted(map),
            json!({ "kind": "ConfigMap", "data": { "mesh": "enableTracing: true", "admin_password": REDACTED } })
        );
    }

    #[test]
    fn secret_keys_are_told_from_names_that_only_sound_alike() {
        for key in [
            "password",
            "DB_PASSWORD",
            "client-secret",
            "Authorization",
            "apiKey",
            "token",
            "proxy-authorization",
            "Set-Cookie",
        ] {
            assert!(is_secret_key(key), "{key}");
        }
        for key in [
            "secretName",
            "imagePullSecrets",
            "tokenAudiences",
            "serviceAccountToken",
            "automountServiceAccountToken",
            "cookieName",
            "name",
            "host",
        ] {
            assert!(!is_secret_key(key), "{key}");
        }
    }

    #[test]
    fn credentials_in_text_are_gone() {
        for (given, expected) in [
            ("curl -H 'Authorization: Bearer abcdefghijkl'", "curl -H 'Authorization: [redacted]'"),
            ("at eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln end", "at [redacted] end"),
            ("postgres://user:pa55@db:5432/x", "postgres://user:[redacted]@db:5432/x"),
            ("password=hunter2&x=1", "password=[redacted]&x=1"),
            (r#"{"client_secret": "abc", "a": 1}"#, r#"{"client_secret": "[redacted]", "a": 1}"#),
            ("-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nafter", "[redacted]\nafter"),
            (
                "db_password: a, DB_PASSWORD=b, clientSecret=c",
                "db_password: [redacted], DB_PASSWORD=[redacted], clientSecret=[redacted]",
            ),
            ("-----BEGIN PRIVATE KEY-----\ncut off", "[redacted]"),
        ] {
            assert_eq!(text(given), expected);
        }
        for plain in [
            "outbound|8080||graph-core.summit.svc.cluster.local",
            "spiffe://cluster.local/ns/summit/sa/front",
            "http://a/b@c",
            "basic auth is off",
        ] {
            assert_eq!(text(plain), plain);
        }
    }

    #[test]
    fn nothing_is_redacted_twice() {
        let once = text("password: hunter2, Bearer abcdefghijkl");
        assert_eq!(text(&once), once);
    }
}
