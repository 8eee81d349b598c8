//! The file of a backup, written and read.
//!
//! Text, one thing a line: `# meshbook-backup 1`, the manifest as JSON, its SHA-256, a word to people; then for each
//! object of the manifest, in its order, `---` and the object as JSON, or what age made of it in base64 behind a `#`.
//! That is YAML: `kubectl apply -f` takes it too, without what is encrypted, where there is no meshbook at hand.
//!
//! What is read here comes from a disk that somebody else may have written to. Nothing of it is believed before all of it
//! fits together: the manifest its hash, each object its own, and none is missing or left over.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use meshbook_runtime::value::Document;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::clean::{clean, hash};

const FIRST: &str = "# meshbook-backup ";
const MANIFEST: &str = "# manifest ";
const HASH: &str = "# sha256 ";
const ENCRYPTED: &str = "# age ";
const BETWEEN: &str = "---";
const WORD: &str = "# What people had written of this mesh. `meshbook run disaster-recovery/restore` checks it and restores what differs.\n# Without meshbook: `kubectl apply -f` takes the objects in this order, and asks nothing.";

/// The version of the format that is written, and the only one that is read.
pub const FORMAT: u32 = 1;

/// What a backup says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// Version of meshbook that wrote it.
    pub meshbook: String,
    /// Which cluster: `metadata.uid` of its namespace `kube-system`, which nobody deletes.
    pub cluster: String,
    /// The context by which it was reached then; for people.
    pub context: String,
    /// Version of its API server.
    pub kubernetes: String,
    /// Versions of its istiods.
    pub istio: Vec<String>,
    /// When (RFC 3339).
    pub taken: String,
    /// How many objects of each kind.
    pub counts: BTreeMap<String, usize>,
    /// What is not in it, and why, a sentence each.
    pub left_out: Vec<String>,
    /// The objects, in the order of their restoration.
    pub objects: Vec<Place>,
}

/// Which object stands in one place of the file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Place {
    /// `networking.istio.io/v1`.
    pub api_version: String,
    /// `DestinationRule`.
    pub kind: String,
    /// Its namespace; `None` for an object of the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// SHA-256 of its line.
    pub sha256: String,
    /// Whether the line is what age made of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub encrypted: bool,
}

/// What a place holds.
#[derive(Clone, Debug, PartialEq)]
pub enum Content {
    /// The object, cleaned.
    Clear(Document),
    /// What age made of its JSON.
    Encrypted(Vec<u8>),
}

impl Content {
    /// The object in its line.
    fn line(&self) -> String {
        match self {
            Content::Clear(object) => object.text().to_owned(),
            Content::Encrypted(bytes) => format!("{ENCRYPTED}{}", STANDARD.encode(bytes)),
        }
    }
}

impl Place {
    /// The place of an object that is kept in this way.
    pub fn of(object: &Value, content: &Content) -> Self {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
        Place {
            api_version: text("/apiVersion").unwrap_or_default(),
            kind: text("/kind").unwrap_or_default(),
            namespace: text("/metadata/namespace"),
            name: text("/metadata/name").unwrap_or_default(),
            sha256: hash(&content.line()),
            encrypted: matches!(content, Content::Encrypted(_)),
        }
    }

    /// The object, as messages name it.
    pub fn text(&self) -> String {
        match &self.namespace {
            Some(namespace) => format!("{} {namespace}/{}", self.kind, self.name),
            None => format!("{} {}", self.kind, self.name),
        }
    }

    /// Whether kind and names are such as an API server has, so that they can stand in its paths.
    fn is_sound(&self) -> bool {
        let word = |text: &str, more: &str| {
            !text.is_empty() && text.len() <= 253 && text.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c))
        };
        let version = self.api_version.split_once('/').map_or(self.api_version.as_str(), |(_, version)| version);
        word(&self.api_version, ".-/")
            && self.api_version.matches('/').count() <= 1
            && word(version, "")
            && word(&self.kind, "")
            && word(&self.name, ".-:")
            && self.name != ".."
            && self.name != "."
            && self.namespace.as_deref().is_none_or(|namespace| word(namespace, "-"))
    }
}

/// The text of a backup.
pub fn write(manifest: &Manifest, contents: &[Content]) -> String {
    let manifest = serde_json::to_string(manifest).expect("a manifest is plain data with string keys");
    let mut text = format!("{FIRST}{FORMAT}\n{MANIFEST}{manifest}\n{HASH}{}\n{WORD}\n", hash(&manifest));
    for content in contents {
        text.push_str(BETWEEN);
        text.push('\n');
        text.push_str(&content.line());
        text.push('\n');
    }
    text
}

/// Reads the text of a backup.
///
/// # Errors
/// Why it cannot be believed, as the rest of a sentence that begins with the file.
pub fn read(text: &str) -> Result<(Manifest, Vec<Content>), String> {
    if text.is_empty() {
        return Err("is empty".into());
    }
    let Some(text) = text.strip_suffix('\n') else {
        return Err("is cut short: its last line has no end".into());
    };
    let mut lines = text.split('\n');
    let version = lines.next().and_then(|line| line.strip_prefix(FIRST)).ok_or("is no backup of meshbook")?;
    match version.parse::<u32>() {
        Ok(FORMAT) => {}
        Ok(other) => return Err(format!("has format {other}, and this meshbook reads format {FORMAT}")),
        Err(_) => return Err("is no backup of meshbook".into()),
    }
    let line = |line: Option<&str>, prefix: &str, what: &str| {
        line.and_then(|line| line.strip_prefix(prefix)).map(str::to_owned).ok_or_else(|| format!("has no {what}"))
    };
    let text = line(lines.next(), MANIFEST, "manifest")?;
    let own = line(lines.next(), HASH, "hash of its manifest")?;
    if own != hash(&text) {
        return Err("has a manifest that does not fit its hash".into());
    }
    let manifest: Manifest =
        serde_json::from_str(&text).map_err(|error| format!("has a manifest that cannot be read: {error}"))?;
    if !WORD.split('\n').all(|word| lines.next() == Some(word)) {
        return Err("has other words after its manifest than meshbook writes".into());
    }
    let mut contents = Vec::with_capacity(manifest.objects.len().min(100_000));
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for place in &manifest.objects {
        if !place.is_sound() {
            return Err(format!("names an object that no API server could have: {:?}", place.text()));
        }
        let what = place.text();
        let (between, line) = (lines.next(), lines.next());
        let (Some(BETWEEN), Some(line)) = (between, line) else {
            return Err(format!("is cut short, or out of order, before {what}"));
        };
        if hash(line) != place.sha256 {
            return Err(format!("has {what} with another content than its manifest says"));
        }
        contents.push(content(line, place).map_err(|why| format!("has {what} in a form that cannot be read: {why}"))?);
        *counts.entry(place.kind.clone()).or_default() += 1;
    }
    if lines.next().is_some() {
        return Err("holds more than its manifest says".into());
    }
    if counts != manifest.counts {
        return Err("counts other objects than it names".into());
    }
    Ok((manifest, contents))
}

fn content(line: &str, place: &Place) -> Result<Content, String> {
    if place.encrypted {
        let bytes = line.strip_prefix(ENCRYPTED).ok_or("it is not encrypted")?;
        return STANDARD.decode(bytes).map(Content::Encrypted).map_err(|error| error.to_string());
    }
    let object: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
    let content = Content::Clear(Document::of(&object));
    if Place::of(&object, &content) != *place {
        return Err("it is another object than its manifest says".into());
    }
    if clean(&object) != object {
        return Err("it holds what belongs to a server".into());
    }
    if object["kind"] == "Secret" {
        return Err("it is a secret in clear".into());
    }
    Ok(content)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn backup(objects: &[Value]) -> (Manifest, Vec<Content>) {
        let contents: Vec<Content> =
            objects.iter().map(|object| Content::Clear(Document::of(&clean(object)))).collect();
        let places: Vec<Place> =
            objects.iter().zip(&contents).map(|(object, content)| Place::of(object, content)).collect();
        let mut counts = BTreeMap::new();
        places.iter().for_each(|place| *counts.entry(place.kind.clone()).or_default() += 1);
        let manifest = Manifest {
            meshbook: "0.1.0".into(),
            cluster: "c1".into(),
            context: "here".into(),
            kubernetes: "v1.37.0".into(),
            istio: vec!["1.31.0".into()],
            taken: "2026-01-05T09:00:00Z".into(),
            counts,
            left_out: Vec::new(),
            objects: places,
        };
        (manifest, contents)
    }

    fn rule(name: &str, host: &str) -> Value {
        json!({ "apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": { "name": name, "namespace": "n", "uid": "1" }, "spec": { "host": host }, "status": {} })
    }

    #[test]
    fn what_does_not_fit_together_is_refused_with_its_reason() {
        let (manifest, contents) = backup(&[rule("a", "x"), rule("b", "y")]);
        let text = write(&manifest, &contents);
        assert_eq!(read(&text), Ok((manifest, contents)));
        let lines: Vec<&str> = text.lines().collect();
        let without = |from: usize| lines[..from].join("\n") + "\n";
        for (damaged, why) in [
            (String::new(), "is empty"),
            ("{}\n".into(), "no backup of meshbook"),
            (text.replace("# meshbook-backup 1", "# meshbook-backup 2"), "has format 2"),
            (text.replace("\"cluster\":\"c1\"", "\"cluster\":\"c2\""), "does not fit its hash"),
            (text.replacen("\"host\":\"x\"", "\"host\":\"z\"", 1), "DestinationRule n/a with another content"),
            (without(lines.len() - 2), "is cut short, or out of order, before DestinationRule n/b"),
            (without(lines.len() - 1), "is cut short, or out of order, before DestinationRule n/b"),
            (text[..text.len() - 3].to_owned(), "its last line has no end"),
            (text.clone() + "---\n{}\n", "more than its manifest says"),
        ] {
            let refused = read(&damaged).expect_err(why);
            assert!(refused.contains(why), "{refused} says {why}");
        }
    }

    #[test]
    fn a_manifest_that_lies_is_refused_although_its_hash_fits() {
        let (mut manifest, contents) = backup(&[rule("a", "x")]);
        manifest.objects[0].name = "../../secrets".into();
        assert!(read(&write(&manifest, &contents)).is_err_and(|why| why.contains("no API server could have")));
        let (mut manifest, contents) = backup(&[rule("a", "x")]);
        manifest.objects[0].name = "b".into();
        assert!(read(&write(&manifest, &contents)).is_err_and(|why| why.contains("another object")));
        let (mut manifest, contents) = backup(&[rule("a", "x")]);
        manifest.counts.insert("DestinationRule".into(), 2);
        assert!(read(&write(&manifest, &contents)).is_err_and(|why| why.contains("counts other objects")));
        let secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "cacerts", "namespace": "n" }, "data": {} });
        let (manifest, contents) = backup(&[secret]);
        assert!(read(&write(&manifest, &contents)).is_err_and(|why| why.contains("secret in clear")));
    }

    fn json_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Bool(true)),
            any::<i64>().prop_map(Value::from),
            any::<i32>().prop_map(|number| Value::from(f64::from(number) / 4.0)),
            ".{0,12}".prop_map(Value::from),
        ];
        leaf.prop_recursive(3, 20, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::btree_map(".{0,6}", inner, 0..4)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_cleaned_and_written_is_read_as_it_was(specs in prop::collection::vec((json_value(), "[a-z]{1,8}"), 0..4), bytes in prop::collection::vec(any::<u8>(), 0..40)) {
            let objects: Vec<Value> = specs.into_iter().map(|(spec, name)| {
                let mut object = rule(&name, "x");
                object["spec"] = spec;
                object
            }).collect();
            let (mut manifest, mut contents) = backup(&objects);
            let secret = Content::Encrypted(bytes);
            manifest.objects.push(Place::of(&json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "cacerts", "namespace": "n" } }), &secret));
            manifest.counts.insert("Secret".into(), 1);
            contents.push(secret);
            let text = write(&manifest, &contents);
            prop_assert_eq!(read(&text), Ok((manifest, contents)));
        }

        #[test]
        fn nothing_that_was_altered_is_believed(at in 0..2_000usize, letter in proptest::char::any()) {
            let (manifest, contents) = backup(&[rule("a", "x"), rule("b", "y")]);
            let text = write(&manifest, &contents);
            let at = at % text.len();
            if text.is_char_boundary(at) && text.is_char_boundary(at + 1) {
                let altered = format!("{}{letter}{}", &text[..at], &text[at + 1..]);
                if read(&altered).is_ok() {
                    prop_assert_eq!(altered, text);
                }
            }
        }
    }
}
