//! Who owns which field: `metadata.managedFields`, as kube-apiserver's field manager keeps it.
//!
//! An *update* (create, replace, patch) takes the fields it changes from everybody; an *apply* owns what its
//! configuration names, removes what it no longer names, and conflicts with other owners of a value that it would
//! change. <https://kubernetes.io/docs/reference/using-api/server-side-apply/>

use serde_json::{Map, Value, json};

use super::fields::{FieldSet, Step};
use super::typed;
use crate::crd::{ResourceType, Schema};

/// Paths that nobody owns, because the server sets them.
const STRIPPED: [&[&str]; 11] = [
    &["apiVersion"],
    &["kind"],
    &["metadata"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
];

/// The pseudo manager of what was there before an object was first applied.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

/// One entry of `metadata.managedFields`.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// The field manager's name.
    pub manager: String,
    /// `true` for `Apply`, `false` for `Update`.
    pub apply: bool,
    /// The version in which the fields are named.
    pub api_version: String,
    /// When it last changed something, RFC 3339 with seconds.
    pub time: String,
    /// The subresource it wrote to, `""` for the object itself.
    pub subresource: String,
    /// What it owns.
    pub fields: FieldSet,
}

impl Entry {
    fn is_of(&self, writer: &Writer<'_>, apply: bool) -> bool {
        self.manager == writer.manager
            && self.apply == apply
            && self.subresource == writer.subresource
            && (apply || self.api_version == writer.api_version)
    }
}

/// In whose name a write is made.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    /// The field manager.
    pub manager: &'a str,
    /// The version of the request.
    pub api_version: &'a str,
    /// The subresource of the request, `""` for the object itself.
    pub subresource: &'a str,
    /// The lab's time, RFC 3339 with seconds.
    pub time: &'a str,
}

/// A field that somebody else owns and an apply would change.
#[derive(Clone, Debug, PartialEq)]
pub struct Conflict {
    /// The owner as messages name it: `"manager" with subresource "…" using version`.
    pub owner: String,
    /// The field, for example `.spec.host`.
    pub field: String,
}

/// Reads the entries of an object; malformed ones make it an object without entries, as on a real server.
pub fn decode(object: &Value) -> Vec<Entry> {
    let entries = object["metadata"]["managedFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    entries.iter().map(decode_entry).collect::<Option<Vec<Entry>>>().unwrap_or_default()
}

fn decode_entry(entry: &Value) -> Option<Entry> {
    let text = |key: &str| entry[key].as_str().unwrap_or_default().to_owned();
    Some(Entry {
        manager: text("manager"),
        apply: match entry["operation"].as_str()? {
            "Apply" => true,
            "Update" => false,
            _ => return None,
        },
        api_version: text("apiVersion"),
        time: text("time"),
        subresource: text("subresource"),
        fields: FieldSet::decode(entry.get("fieldsV1").unwrap_or(&json!({})))?,
    })
}

/// Writes the entries into an object, in the server's order.
pub fn encode(object: &mut Value, mut entries: Vec<Entry>) {
    entries.retain(|e| !e.fields.is_empty());
    entries.sort_by(|a, b| {
        let key =
            |e: &Entry| (!e.apply, e.time.clone(), e.manager.clone(), e.api_version.clone(), e.subresource.clone());
        key(a).cmp(&key(b))
    });
    let encoded: Vec<Value> = entries.iter().map(encode_entry).collect();
    let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) else { return };
    if encoded.is_empty() {
        metadata.remove("managedFields");
    } else {
        metadata.insert("managedFields".into(), encoded.into());
    }
}

fn encode_entry(entry: &Entry) -> Value {
    let mut encoded = json!({
        "manager": entry.manager,
        "operation": if entry.apply { "Apply" } else { "Update" },
        "apiVersion": entry.api_version,
        "time": entry.time,
        "fieldsType": "FieldsV1",
        "fieldsV1": entry.fields.encode(),
    });
    if !entry.subresource.is_empty() {
        encoded["subresource"] = entry.subresource.clone().into();
    }
    encoded
}

/// What a write to this address does not own: status on the object, everything else on the status.
fn is_ignored(kind: &ResourceType, subresource: &str, set: FieldSet) -> FieldSet {
    let status = Step::Field("status".into());
    if kind.subresource("status").is_none() {
        return set;
    }
    let mut set = set;
    if subresource == "status" {
        if kind.custom {
            set.members.retain(|step| *step == status);
            set.children.retain(|step, _| *step == status);
        } else {
            let spec = Step::Field("spec".into());
            set.members.remove(&spec);
            set.children.remove(&spec);
        }
    } else {
        set.members.remove(&status);
        set.children.remove(&status);
    }
    set
}

fn stripped(set: FieldSet) -> FieldSet {
    let mut server_set = FieldSet::default();
    for path in STRIPPED {
        let steps: Vec<Step> = path.iter().map(|name| Step::Field((*name).to_owned())).collect();
        server_set.insert(&steps);
    }
    set.difference(&server_set)
}

fn without_entries(object: &Value) -> Value {
    let mut copy = object.clone();
    if let Some(metadata) = copy.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.remove("managedFields");
    }
    copy
}

/// The entries to start from: those of the request if it brings any, else those of the stored object.
/// A request with one empty entry (`[{}]`) asks to forget all.
fn starting_entries(live: Option<&Value>, new: &Value, subresource: &str) -> Vec<Entry> {
    let live_entries = || live.map(decode).unwrap_or_default();
    if !subresource.is_empty() {
        return live_entries();
    }
    let brought = new["metadata"]["managedFields"].as_array().map(Vec::as_slice).unwrap_or_default();
    if let [only] = brought
        && only.as_object().is_some_and(Map::is_empty)
    {
        return Vec::new();
    }
    let entries = decode(new);
    if entries.is_empty() { live_entries() } else { entries }
}

/// Records an update: create (without `live`), replace or patch. `new` gets its `managedFields`.
pub fn update(kind: &ResourceType, live: Option<&Value>, new: &mut Value, writer: &Writer<'_>) {
    let schema: &Schema = &kind.schema;
    let mut entries = starting_entries(live, new, writer.subresource);
    let had_none = live.is_some_and(|l| decode(l).is_empty()) && entries.is_empty();
    if had_none && writer.subresource.is_empty() {
        // An object that nobody's fields were ever recorded for stays like that until somebody applies.
        encode(new, entries);
        return;
    }
    let bare = without_entries(new);
    let before = match live {
        Some(live) => without_entries(live),
        None if kind.custom => json!({}),
        None => typed::zero_value(schema),
    };
    let comparison = typed::compare(schema, &before, &bare);
    let taken = comparison.modified.union(&comparison.added);
    for entry in &mut entries {
        entry.fields = entry.fields.difference(&taken).difference(&comparison.removed);
    }
    let owned = stripped(is_ignored(kind, writer.subresource, taken));
    if !owned.is_empty() {
        match entries.iter_mut().find(|e| e.is_of(writer, false)) {
            Some(entry) => {
                entry.fields = entry.fields.union(&owned);
                entry.time = writer.time.to_owned();
            }
            None => entries.push(new_entry(writer, false, owned)),
        }
    }
    encode(new, entries);
}

fn new_entry(writer: &Writer<'_>, apply: bool, fields: FieldSet) -> Entry {
    Entry {
        manager: writer.manager.to_owned(),
        apply,
        api_version: writer.api_version.to_owned(),
        time: writer.time.to_owned(),
        subresource: writer.subresource.to_owned(),
        fields,
    }
}

/// The annotation in which kubectl's client-side apply keeps its configuration.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// Applies a configuration to the stored object and returns the merged object with its `managedFields`.
///
/// # Errors
/// Without `force`, the fields that others own and that would change.
pub fn apply(
    kind: &ResourceType,
    live: Option<&Value>,
    configuration: &Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, Vec<Conflict>> {
    let last =
        live.and_then(|l| l["metadata"]["annotations"].get(LAST_APPLIED)).filter(|_| writer.manager == "kubectl");
    let Some(last) = last else { return apply_once(kind, live, configuration, writer, force) };
    // kubectl may take over what its own client-side apply has set before.
    let result = match apply_once(kind, live, configuration, writer, force) {
        Err(mut conflicts) => {
            let before: Value = last.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            let own: Vec<String> = typed::field_set(&kind.schema, &before)
                .paths()
                .iter()
                .map(|path| super::fields::display(path))
                .collect();
            conflicts.retain(|conflict| !own.contains(&conflict.field));
            if !conflicts.is_empty() {
                return Err(conflicts);
            }
            apply_once(kind, live, configuration, writer, true)
        }
        done => done,
    };
    result.map(|mut merged| {
        merged["metadata"]["annotations"][LAST_APPLIED] = format!("{}\n", without_entries(configuration)).into();
        merged
    })
}

fn apply_once(
    kind: &ResourceType,
    live: Option<&Value>,
    configuration: &Value,
    writer: &Writer<'_>,
    force: bool,
) -> Result<Value, Vec<Conflict>> {
    let schema: &Schema = &kind.schema;
    let mut entries = live.map(decode).unwrap_or_default();
    let before = live.map_or_else(|| if kind.custom { json!({}) } else { typed::zero_value(schema) }, without_entries);
    if let (Some(_), true) = (live, entries.is_empty()) {
        let everything = stripped(is_ignored(kind, "", typed::field_set(schema, &before)));
        let first = Writer { manager: BEFORE_FIRST_APPLY, subresource: "", ..*writer };
        entries.push(new_entry(&first, false, everything));
    }
    let configuration = without_entries(configuration);
    let applied = stripped(is_ignored(kind, writer.subresource, typed::field_set(schema, &configuration)));
    let mut merged = typed::merge(schema, &before, &configuration);
    let own = entries.iter().position(|e| e.is_of(writer, true));
    let last = own.map(|i| entries.remove(i));
    if let Some(last) = last.as_ref().filter(|l| !l.fields.is_empty()) {
        let others = entries.iter().fold(applied.clone(), |all, e| all.union(&e.fields));
        merged = prune(schema, &merged, &last.fields, &others);
    }
    let comparison = typed::compare(schema, &before, &merged);
    let taken = comparison.modified.union(&comparison.added);
    let mut conflicts = Vec::new();
    for entry in &mut entries {
        let contested = entry.fields.intersection(&taken);
        if !force {
            conflicts.extend(contested.paths().iter().map(|path| conflict(entry, path)));
        }
        entry.fields = entry.fields.difference(&contested).difference(&comparison.removed);
    }
    if !conflicts.is_empty() {
        return Err(conflicts);
    }
    let unchanged = comparison.added.is_empty() && comparison.modified.is_empty() && comparison.removed.is_empty();
    let mut entry = new_entry(writer, true, applied);
    if let Some(last) = last.filter(|l| unchanged && l.fields == entry.fields && l.api_version == entry.api_version) {
        entry.time = last.time;
    }
    entries.push(entry);
    encode(&mut merged, entries);
    Ok(merged)
}

/// Removes what the last apply named and neither this one nor anybody else does.
fn prune(schema: &Schema, merged: &Value, last: &FieldSet, owned: &FieldSet) -> Value {
    let named = |set: &FieldSet| typed::with_named_parents(Some(schema), set);
    let pruned = typed::remove(schema, merged, &named(last));
    let merged_set = named(&typed::field_set(schema, merged));
    let pruned_set = named(&typed::field_set(schema, &pruned));
    // What is owned comes back, with the items and structs around it.
    let pruned = typed::remove(schema, merged, &merged_set.difference(&pruned_set.union(&named(owned))));
    // What fell only because something above it fell, without having been named, comes back too.
    let pruned_set = named(&typed::field_set(schema, &pruned));
    typed::remove(schema, merged, &merged_set.difference(&pruned_set).intersection(&named(last)))
}

fn conflict(entry: &Entry, path: &[Step]) -> Conflict {
    let mut owner = format!("{:?}", entry.manager);
    if !entry.subresource.is_empty() {
        owner.push_str(&format!(" with subresource {:?}", entry.subresource));
    }
    if !entry.apply {
        owner.push_str(&format!(" using {}", entry.api_version));
    }
    Conflict { owner, field: super::fields::display(path) }
}

/// Whether two objects differ in nothing but the times of their entries: such a write is none.
pub fn same_but_times(a: &Value, b: &Value) -> bool {
    let timeless = |object: &Value| {
        let mut entries = decode(object);
        entries.iter_mut().for_each(|e| e.time.clear());
        entries.sort_by(|x, y| (&x.manager, x.apply, &x.subresource).cmp(&(&y.manager, y.apply, &y.subresource)));
        entries
    };
    without_entries(a) == without_entries(b) && timeless(a) == timeless(b)
}
