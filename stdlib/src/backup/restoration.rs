//! What has to be done so that a cluster is again as its backup says.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use meshbook_runtime::effect::{ObjectRef, ResourceKind};
use meshbook_runtime::failure::{Failure, NOT_FOUND};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Table;
use serde_json::{Value, json};

use super::clean::group_of;
use super::format::Place;
use super::{Backup, gather};
use crate::desired::{self, Rule};
use crate::kubernetes::{kinds, read};
use crate::text::count;

/// In what a cluster differs from a backup.
#[derive(Clone, Debug)]
pub struct Restoration(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// How many objects the backup has that can be restored.
    all: usize,
    parts: Vec<desired::Part>,
    notes: Vec<String>,
}

/// The objects of one kind that differ.
#[derive(Clone, Debug)]
pub struct Part(pub(crate) desired::Part);

/// Holds a cluster against a backup.
///
/// # Errors
/// `NOT_FOUND` if the API server does not serve a kind that is to be restored; what every read can end in.
pub fn gather(run: &Run, backup: &Backup) -> Result<Restoration, Failure> {
    let served = gather::served(run)?;
    let mut references = Vec::with_capacity(backup.objects().len());
    for (place, _) in backup.objects() {
        let kind = kind(&served, place)?;
        references.push(ObjectRef::new(kind, place.namespace.as_deref().unwrap_or_default(), &place.name));
    }
    let root = crate::evidence::root::namespace(run)?;
    let (mut differing, mut beside) = (BTreeMap::new(), 0);
    // One kind after the other: there may be thousands of objects of each.
    for kind in references.iter().map(|reference| &reference.kind).collect::<BTreeSet<_>>() {
        let namespace = (*kind == kinds::config_map()).then_some(root.as_str());
        // A Secret is asked for by its name: a list would hold every secret of the cluster.
        let is_listed = *kind != kinds::secret();
        let mut now = if is_listed { read::by_reference(run, kind, namespace)? } else { HashMap::new() };
        for (place, (reference, (_, object))) in references.iter().zip(backup.objects()).enumerate() {
            if reference.kind != *kind {
                continue;
            }
            let live = match now.remove(reference) {
                Some(live) => Some(live),
                None if !is_listed || *kind == kinds::config_map() => read::find(run, reference)?,
                None => None,
            };
            let one = desired::differing(Rule::Kept, reference.clone(), object, live);
            differing.extend(one.map(|one| (place, one)));
        }
        // Namespaces and ConfigMaps that the backup does not have are none of the mesh's.
        if gather::GROUPS.contains(&kind.group.as_str()) {
            beside += now.len();
        }
    }
    let mut notes = Vec::new();
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
    let parts = desired::parts(Rule::Kept, differing.into_values().collect());
    Ok(Restoration(Arc::new(Inner { all: backup.objects().len(), parts, notes })))
}

/// The kind of an object in the version that this API server serves.
fn kind(served: &[ResourceKind], place: &Place) -> Result<ResourceKind, Failure> {
    let group = group_of(&place.api_version);
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
    pub fn parts(&self) -> impl Iterator<Item = Part> {
        self.0.parts.iter().cloned().map(Part)
    }

    /// Whether nothing differs.
    pub fn is_empty(&self) -> bool {
        self.0.parts.is_empty()
    }
}

impl Noun for Restoration {
    const NAME: &'static str = "Restoration";
    const DOC: &'static str = "In what a cluster differs from a backup, object by object: what is not there, and what is otherwise. What is there and not in the backup is counted, and stays.";

    fn text(&self) -> String {
        let differ: usize = self.0.parts.iter().map(desired::Part::len).sum();
        match differ {
            0 => format!("nothing differs from the {} of the backup", count(self.0.all, "object", "objects")),
            some => format!("{some} of {} of the backup differ", count(self.0.all, "object", "objects")),
        }
    }

    fn table(&self) -> Table {
        desired::table(self.text(), &self.0.parts, &self.0.notes)
    }

    fn json(&self) -> Value {
        json!({ "objects": self.0.all, "differ": self.0.parts.iter().map(desired::Part::json).collect::<Vec<_>>(), "notes": self.0.notes })
    }
}

impl Noun for Part {
    const NAME: &'static str = "RestorationPart";
    const DOC: &'static str = "The objects of one kind that are not as a backup has them.";

    fn text(&self) -> String {
        self.0.text()
    }

    fn json(&self) -> Value {
        self.0.json()
    }
}
