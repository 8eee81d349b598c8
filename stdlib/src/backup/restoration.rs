//! What has to be done so that a cluster is again as its backup says.

use std::sync::Arc;

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::{Effect, ObjectRef, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, Failure, NOT_FOUND};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use super::clean::{group, is_same, restored};
use super::format::Place;
use super::{Backup, gather};
use crate::kubernetes::{kinds, read};
use crate::text::count;

/// In what a cluster differs from a backup.
#[derive(Clone, Debug)]
pub struct Restoration(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// How many objects the backup has that can be restored.
    all: usize,
    parts: Vec<Part>,
    notes: Vec<String>,
}

/// The objects of one kind that differ.
#[derive(Clone, Debug)]
pub struct Part(Arc<PartInner>);

#[derive(Debug)]
struct PartInner {
    kind: String,
    objects: Vec<Differing>,
}

/// An object that is not as in the backup.
#[derive(Clone, Debug)]
struct Differing {
    reference: ObjectRef,
    kept: Value,
    /// Whether there is none.
    absent: bool,
}

/// Holds a cluster against a backup.
///
/// # Errors
/// `NOT_FOUND` if the API server does not serve a kind that is to be restored; what every read can end in.
pub fn gather(run: &Run, backup: &Backup) -> Result<Restoration, Failure> {
    let served = gather::served(run)?;
    let mut kinds: Vec<ResourceKind> = Vec::new();
    let mut references = Vec::with_capacity(backup.objects().len());
    for (place, object) in backup.objects() {
        let kind = kind(&served, place, object)?;
        references.push(ObjectRef::new(kind.clone(), place.namespace.as_deref().unwrap_or_default(), &place.name));
        // A Secret is asked for by its name: a list would hold every secret of the cluster.
        if !kinds.contains(&kind) && kind != kinds::secret() {
            kinds.push(kind);
        }
    }
    let root = crate::evidence::root::namespace(run)?;
    let effects = kinds.iter().map(|kind| {
        let namespace = (*kind == kinds::config_map()).then(|| root.clone());
        Effect::list(kind.clone(), namespace.as_deref(), None)
    });
    let mut now: std::collections::BTreeMap<ObjectRef, Value> = std::collections::BTreeMap::new();
    for (kind, answer) in kinds.iter().zip(run.read_all(effects.collect())) {
        let Reply::Json(Value::Array(items)) = answer? else {
            return Err(Failure::new(&BAD_ANSWER, format!("the list of {} is no list", kind.plural)));
        };
        for mut item in items {
            item["apiVersion"] = kind.api_version().into();
            item["kind"] = kind.kind.clone().into();
            let text = |key: &str| item["metadata"][key].as_str().unwrap_or_default().to_owned();
            now.insert(ObjectRef::new(kind.clone(), &text("namespace"), &text("name")), item);
        }
    }
    let mut parts: Vec<PartInner> = Vec::new();
    for (reference, (_, object)) in references.iter().zip(backup.objects()) {
        let live = match now.remove(reference) {
            Some(live) => Some(live),
            None if reference.kind == kinds::secret() || reference.kind == kinds::config_map() => {
                read::find(run, reference)?
            }
            None => None,
        };
        if live.as_ref().is_some_and(|live| is_same(live, object)) {
            continue;
        }
        let differing = Differing { reference: reference.clone(), kept: object.clone(), absent: live.is_none() };
        let title = reference.kind.kind.clone();
        match parts.last_mut().filter(|part| part.kind == title) {
            Some(part) => part.objects.push(differing),
            None => parts.push(PartInner { kind: title, objects: vec![differing] }),
        }
    }
    let mut notes = Vec::new();
    // Namespaces and ConfigMaps that the backup does not have are none of the mesh's.
    let beside = now.keys().filter(|reference| gather::GROUPS.contains(&reference.kind.group.as_str())).count();
    if beside > 0 {
        notes.push(format!(
            "{} the backup does not have: they stay",
            count(beside, "object is there that", "objects are there that")
        ));
    }
    if backup.locked() > 0 {
        notes.push(format!(
            "{} of the certificate authority not looked at: no identity was given",
            count(backup.locked(), "secret", "secrets")
        ));
    }
    let parts = parts.into_iter().map(|part| Part(Arc::new(part))).collect();
    Ok(Restoration(Arc::new(Inner { all: backup.objects().len(), parts, notes })))
}

/// The kind of an object in the version that this API server serves.
fn kind(served: &[ResourceKind], place: &Place, object: &Value) -> Result<ResourceKind, Failure> {
    let group = group(object);
    let own = [kinds::namespace(), kinds::config_map(), kinds::secret()];
    let known = served.iter().chain(&own).find(|kind| kind.group == group && kind.kind == place.kind);
    known.filter(|kind| kind.namespaced == place.namespace.is_some()).cloned().ok_or_else(|| {
        Failure::new(
            &NOT_FOUND,
            format!("{} cannot be restored: the API server serves no such kind of {}", place.text(), place.api_version),
        )
        .unchanged("nothing was changed")
        .hint("install the CRDs of the backup's version first: Istio's base, or the Gateway API's")
    })
}

impl Restoration {
    /// The objects that differ, kind by kind, in the order in which they are restored.
    pub fn parts(&self) -> &[Part] {
        &self.0.parts
    }
}

impl Part {
    /// Makes its objects as the backup has them: what is not there is created, what is equal by now is left alone.
    ///
    /// # Errors
    /// What reading and changing can end in.
    pub fn restore(&self, run: &Run) -> Result<bool, Failure> {
        let mut changed = false;
        for one in &self.0.objects {
            let change = match read::find(run, &one.reference)? {
                Some(now) if is_same(&named(now.clone(), &one.reference), &one.kept) => continue,
                Some(now) => {
                    let after = restored(&named(now.clone(), &one.reference), &one.kept);
                    Change::new(one.reference.clone(), "restore it as the backup has it".into(), now, after)
                }
                None => {
                    Change::creation(one.reference.clone(), "create it as the backup has it".into(), one.kept.clone())
                }
            };
            changed |= run.change(change.designated())?.is_made();
        }
        Ok(changed)
    }

    /// The first object that is not as in the backup, if there is one.
    ///
    /// # Errors
    /// What every read can end in.
    pub fn first_differing(&self, run: &Run) -> Result<Option<ObjectRef>, Failure> {
        for one in &self.0.objects {
            let now = read::find(run, &one.reference)?;
            if !now.is_some_and(|now| is_same(&named(now, &one.reference), &one.kept)) {
                return Ok(Some(one.reference.clone()));
            }
        }
        Ok(None)
    }
}

/// An object that says what it is.
fn named(mut object: Value, reference: &ObjectRef) -> Value {
    object["apiVersion"] = reference.kind.api_version().into();
    object["kind"] = reference.kind.kind.clone().into();
    object
}

impl Noun for Restoration {
    const NAME: &'static str = "Restoration";
    const DOC: &'static str = "In what a cluster differs from a backup, object by object: what is not there, and what is otherwise. What is there and not in the backup is counted, and stays.";

    fn text(&self) -> String {
        let differ: usize = self.0.parts.iter().map(|part| part.0.objects.len()).sum();
        match differ {
            0 => format!("nothing differs from the {} of the backup", count(self.0.all, "object", "objects")),
            some => format!("{some} of {} of the backup differ", count(self.0.all, "object", "objects")),
        }
    }

    fn table(&self) -> Table {
        if self.0.parts.is_empty() {
            let mut table = Table::line(self.text());
            table.notes.extend(self.0.notes.iter().cloned());
            return table;
        }
        let mut table = Table::new(self.text(), &["OBJECT", "IS"]);
        for one in self.0.parts.iter().flat_map(|part| &part.0.objects) {
            table.row([one.reference.to_string(), if one.absent { "not there" } else { "otherwise" }.to_owned()]);
        }
        table.notes.extend(self.0.notes.iter().cloned());
        table
    }

    fn json(&self) -> Value {
        json!({ "objects": self.0.all, "differ": self.0.parts.iter().map(Noun::json).collect::<Vec<_>>(), "notes": self.0.notes })
    }
}

impl Noun for Part {
    const NAME: &'static str = "RestorationPart";
    const DOC: &'static str = "The objects of one kind that are not as a backup has them.";

    fn text(&self) -> String {
        match self.0.objects.as_slice() {
            [one] => one.reference.to_string(),
            many => format!("{} objects of kind {}", many.len(), self.0.kind),
        }
    }

    fn json(&self) -> Value {
        json!(
            self.0
                .objects
                .iter()
                .map(|one| json!({ "object": one.reference.to_string(), "absent": one.absent }))
                .collect::<Vec<_>>()
        )
    }
}
