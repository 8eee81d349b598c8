//! The objects of the lab's cluster: what etcd and the storage layer are to a real API server.
//!
//! Every change gets the next resource version of one cluster-wide counter, is kept in a history that
//! watches replay, and is told to subscribers, so that a controller reacts to it as a real one does.
//!
//! - [`fields`], [`typed`], [`managed`]: who owns which field of an object.
//! - [`defaults`]: what the API server fills in.

pub mod defaults;
pub mod fields;
pub mod managed;
pub mod typed;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard};

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio::sync::broadcast;

use crate::clock::LabClock;
use crate::crd::Catalog;
use managed::Writer;

pub use crate::crd::ResourceType;

/// How many changes a watch can go back, and a subscriber can lag.
const HISTORY: usize = 16_384;

/// One object as it is stored: complete, in the preferred version of its kind.
pub type Object = Arc<Value>;

/// A resource without its version: API group (`""` for core) and plural name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceKey {
    /// API group, `""` for the core group.
    pub group: String,
    /// Plural name, lower case, as in URLs.
    pub plural: String,
}

impl ResourceKey {
    fn of(kind: &ResourceType) -> ResourceKey {
        ResourceKey { group: kind.group.clone(), plural: kind.plural.clone() }
    }
}

/// What happened to an object; the words of a watch event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChangeKind {
    /// The object is new.
    Added,
    /// The object has changed.
    Modified,
    /// The object is gone.
    Deleted,
}

/// One change of one object.
#[derive(Clone, Debug)]
pub struct Change {
    /// What happened.
    pub kind: ChangeKind,
    /// Which resource the object belongs to.
    pub resource: ResourceKey,
    /// The object after the change; of a deletion, as it was last, with the deletion's resource version.
    pub object: Object,
    /// The object before the change, if there was one.
    pub previous: Option<Object>,
    /// The cluster-wide counter after this change.
    pub resource_version: u64,
    /// The lab's time of the change.
    pub at: Timestamp,
}

/// The history does not reach back to the version that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expired {
    /// The oldest version from which a watch can start.
    pub(crate) oldest: u64,
}

/// The object is not as it was when the write was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stale;

/// The cluster's objects. Clones share them.
#[derive(Clone)]
pub struct Store(Arc<Shared>);

struct Shared {
    clock: LabClock,
    changes: broadcast::Sender<Change>,
    content: Mutex<Content>,
}

#[derive(Default)]
struct Content {
    revision: u64,
    /// Counts what needs a name nobody else has: uids, generated names, addresses.
    serial: u64,
    objects: HashMap<ResourceKey, BTreeMap<String, BTreeMap<String, Object>>>,
    history: VecDeque<Change>,
    /// The version of the newest change that has left the history.
    compacted: u64,
}

impl Content {
    fn find(&self, key: &ResourceKey, namespace: &str, name: &str) -> Option<&Object> {
        self.objects.get(key)?.get(namespace)?.get(name)
    }

    fn select(&self, key: &ResourceKey, namespace: Option<&str>) -> Vec<Object> {
        let Some(namespaces) = self.objects.get(key) else { return Vec::new() };
        match namespace {
            Some(namespace) => namespaces.get(namespace).into_iter().flat_map(BTreeMap::values).cloned().collect(),
            None => namespaces.values().flat_map(BTreeMap::values).cloned().collect(),
        }
    }
}

impl Store {
    /// A cluster that knows every resource type the lab serves, with the definitions of the custom ones.
    pub fn new(clock: LabClock) -> Store {
        let (changes, _) = broadcast::channel(HISTORY);
        let store = Store(Arc::new(Shared { clock, changes, content: Mutex::default() }));
        for definition in Catalog::get().definitions() {
            store.put(definition.clone(), "istioctl");
        }
        store
    }

    /// Forgets the definitions of custom kinds of some groups, as a cluster has it that nobody has installed them into.
    pub(crate) fn forget_definitions(&self, of: impl Fn(&str) -> bool) {
        for definition in Catalog::get().definitions() {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            if of(&text(&definition["spec"]["group"])) {
                let name = text(&definition["metadata"]["name"]);
                self.delete("apiextensions.k8s.io", "customresourcedefinitions", "", &name);
            }
        }
    }

    fn content(&self) -> MutexGuard<'_, Content> {
        self.0.content.lock().expect("no holder of the store panics")
    }

    /// Creates or replaces an object without admission, as a controller or a world does.
    ///
    /// Defaults, uid, creationTimestamp, resourceVersion, generation and managedFields are filled in. Of an object
    /// that exists, uid, creationTimestamp and a status that is not given stay. What changes nothing is no change.
    ///
    /// # Panics
    /// If the kind is not one that the lab serves; [`Store::knows`] tells.
    pub fn put(&self, object: Value, manager: &str) -> Object {
        loop {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let kind = Catalog::get()
                .by_kind(&text(&object["apiVersion"]), &text(&object["kind"]))
                .expect("controllers and worlds put only kinds that the lab serves");
            let mut new = object.clone();
            let namespace = self.normalise(kind, &mut new);
            let name = text(&new["metadata"]["name"]);
            let live = self.get(&kind.group, &kind.plural, &namespace, &name);
            let status = object.get("status").cloned();
            new.as_object_mut().map(|o| o.remove("status"));
            let old_status = live.as_ref().and_then(|l| l.get("status")).cloned();
            // A built-in kind's status is a struct by value: empty, but there.
            let empty = || (!kind.custom && kind.schema.properties.contains_key("status")).then(|| json!({}));
            if let (Some(map), Some(old)) = (new.as_object_mut(), old_status.or_else(empty)) {
                map.insert("status".into(), old);
            }
            let now = self.now();
            let api_version = kind.api_version(&kind.version);
            let writer = Writer { manager, api_version: &api_version, subresource: "", time: &now };
            if let Some(live) = &live {
                for field in ["uid", "creationTimestamp", "generation", "resourceVersion"] {
                    match live["metadata"].get(field) {
                        Some(value) => new["metadata"][field] = value.clone(),
                        None => {
                            new["metadata"].as_object_mut().map(|m| m.remove(field));
                        }
                    }
                }
            }
            managed::update(kind, live.as_deref(), &mut new, &writer);
            self.count_generation(kind, live.as_deref(), &mut new);
            if let (Some(status), Some(map)) = (status, new.as_object().cloned()) {
                let before = Value::Object(map);
                new["status"] = status;
                managed::update(kind, Some(&before), &mut new, &Writer { subresource: "status", ..writer });
            }
            if live.is_none() {
                defaults::created(kind, &mut new, self.serial());
            }
            if let Some(live) = live.as_ref().filter(|l| managed::same_but_times(l, &new)) {
                return live.clone();
            }
            if let Ok(stored) = self.commit(kind, live.as_ref(), new) {
                return stored;
            }
        }
    }

    /// Replaces an object's status, as a controller does: no new generation. `None` if there is no such object.
    pub fn put_status(
        &self,
        group: &str,
        plural: &str,
        namespace: &str,
        name: &str,
        status: Value,
        manager: &str,
    ) -> Option<Object> {
        let kind = Catalog::get().by_plural(group, plural)?;
        loop {
            let live = self.get(group, plural, namespace, name)?;
            let mut new = (*live).clone();
            new["status"] = status.clone();
            let (now, api_version) = (self.now(), kind.api_version(&kind.version));
            let writer = Writer { manager, api_version: &api_version, subresource: "status", time: &now };
            managed::update(kind, Some(&live), &mut new, &writer);
            if managed::same_but_times(&live, &new) {
                return Some(live);
            }
            if let Ok(stored) = self.commit(kind, Some(&live), new) {
                return Some(stored);
            }
        }
    }

    /// Stores an object exactly as it is, resourceVersion included, as a restored backup of etcd would. The
    /// cluster-wide counter goes on from the highest version restored; objects that are restored in the order of
    /// their versions are a history that watches can replay. Returns `false` for a kind the lab does not serve.
    pub fn restore(&self, object: Value) -> bool {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let Some(kind) = Catalog::get().by_kind(&text(&object["apiVersion"]), &text(&object["kind"])) else {
            return false;
        };
        let version = object["metadata"]["resourceVersion"].as_str().and_then(|v| v.parse().ok()).unwrap_or(0);
        let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        let (key, object) = (ResourceKey::of(kind), Arc::new(object));
        let mut content = self.content();
        let objects = content.objects.entry(key.clone()).or_default();
        let previous = objects.entry(namespace).or_default().insert(name, object.clone());
        if version > content.revision {
            content.revision = version;
            let what = if previous.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
            self.record(&mut content, what, key, object, previous);
        }
        true
    }

    /// Whether the lab serves objects of that `apiVersion` and `kind`.
    pub fn knows(&self, api_version: &str, kind: &str) -> bool {
        Catalog::get().by_kind(api_version, kind).is_some_and(|k| k.is_stored())
    }

    /// One object; `namespace` is `""` for a cluster-scoped one.
    pub fn get(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Option<Object> {
        let key = ResourceKey { group: group.to_owned(), plural: plural.to_owned() };
        self.content().find(&key, namespace, name).cloned()
    }

    /// The objects of a resource in one namespace or in all, sorted by namespace and name.
    pub fn list(&self, group: &str, plural: &str, namespace: Option<&str>) -> Vec<Object> {
        let key = ResourceKey { group: group.to_owned(), plural: plural.to_owned() };
        self.content().select(&key, namespace)
    }

    /// Deletes an object at once, finalizers or not, and returns it as it was. `None` if there is no such object.
    pub fn delete(&self, group: &str, plural: &str, namespace: &str, name: &str) -> Option<Object> {
        let kind = Catalog::get().by_plural(group, plural)?;
        loop {
            let live = self.get(group, plural, namespace, name)?;
            if self.remove(kind, &live).is_ok() {
                return Some(live);
            }
        }
    }

    /// The changes from now on. A subscriber that lags too far has to list again.
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// The cluster-wide counter now.
    pub fn resource_version(&self) -> u64 {
        self.content().revision
    }

    /// The lab's time as objects carry it: RFC 3339 with seconds.
    pub(crate) fn now(&self) -> String {
        self.0.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
    }

    /// A number that was never given before.
    pub(crate) fn serial(&self) -> u64 {
        let mut content = self.content();
        content.serial += 1;
        content.serial
    }

    /// The objects with the version they are of.
    pub(crate) fn snapshot(&self, kind: &ResourceType, namespace: Option<&str>) -> (Vec<Object>, u64) {
        let content = self.content();
        (content.select(&ResourceKey::of(kind), namespace), content.revision)
    }

    /// The objects, their version, and every change after it.
    pub(crate) fn snapshot_and_changes(
        &self,
        kind: &ResourceType,
        namespace: Option<&str>,
    ) -> (Vec<Object>, u64, broadcast::Receiver<Change>) {
        let content = self.content();
        (content.select(&ResourceKey::of(kind), namespace), content.revision, self.0.changes.subscribe())
    }

    /// The changes after a version: those that happened and those to come.
    pub(crate) fn changes_after(&self, version: u64) -> Result<(Vec<Change>, broadcast::Receiver<Change>), Expired> {
        let content = self.content();
        if version < content.compacted {
            return Err(Expired { oldest: content.compacted });
        }
        let missed = content.history.iter().filter(|c| c.resource_version > version).cloned().collect();
        Ok((missed, self.0.changes.subscribe()))
    }

    /// Forgets the history up to now, as etcd's compaction does: older watches get 410.
    pub fn compact(&self) {
        let mut content = self.content();
        content.history.clear();
        content.compacted = content.revision;
    }

    /// Brings an object that is about to be written into the stored form: preferred version, namespace, defaults.
    /// Returns its namespace.
    pub(crate) fn normalise(&self, kind: &ResourceType, object: &mut Value) -> String {
        object["apiVersion"] = kind.api_version(&kind.version).into();
        object["kind"] = kind.kind.clone().into();
        if !object["metadata"].is_object() {
            object["metadata"] = Value::Object(Map::new());
        }
        defaults::apply(kind, object);
        if !kind.namespaced {
            return String::new();
        }
        let namespace = object["metadata"]["namespace"].as_str().unwrap_or("default").to_owned();
        object["metadata"]["namespace"] = namespace.clone().into();
        namespace
    }

    /// Sets `metadata.generation` by the API server's rule: 1 when new, one more when what is wanted has changed.
    pub(crate) fn count_generation(&self, kind: &ResourceType, live: Option<&Value>, new: &mut Value) {
        if !kind.generation {
            return;
        }
        let wanted = |object: &Value| {
            let mut wanted = object.clone();
            if let Some(map) = wanted.as_object_mut() {
                map.retain(|name, _| !matches!(name.as_str(), "metadata" | "status" | "apiVersion" | "kind"));
            }
            wanted
        };
        let generation = match live {
            None => 1,
            Some(live) => {
                let before = live["metadata"]["generation"].as_i64().unwrap_or(0);
                before + i64::from(wanted(live) != wanted(new))
            }
        };
        new["metadata"]["generation"] = generation.into();
    }

    /// Writes an object if the stored one is still `expected` (`None`: there is none).
    pub(crate) fn commit(
        &self,
        kind: &ResourceType,
        expected: Option<&Object>,
        mut object: Value,
    ) -> Result<Object, Stale> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&object["metadata"]["namespace"]), text(&object["metadata"]["name"]));
        if expected.is_none() {
            if object["metadata"]["uid"].is_null() {
                object["metadata"]["uid"] = uid(self.serial()).into();
            }
            if object["metadata"]["creationTimestamp"].is_null() {
                object["metadata"]["creationTimestamp"] = self.now().into();
            }
        }
        let key = ResourceKey::of(kind);
        let mut content = self.content();
        let current = content.find(&key, &namespace, &name).cloned();
        match (&current, expected) {
            (None, None) => {}
            (Some(current), Some(expected)) if Arc::ptr_eq(current, expected) => {}
            _ => return Err(Stale),
        }
        content.revision += 1;
        object["metadata"]["resourceVersion"] = content.revision.to_string().into();
        let object: Object = Arc::new(object);
        let objects = content.objects.entry(key.clone()).or_default();
        objects.entry(namespace).or_default().insert(name, object.clone());
        let what = if current.is_some() { ChangeKind::Modified } else { ChangeKind::Added };
        self.record(&mut content, what, key, object.clone(), current);
        Ok(object)
    }

    /// Removes an object if the stored one is still `expected`.
    pub(crate) fn remove(&self, kind: &ResourceType, expected: &Object) -> Result<(), Stale> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let (namespace, name) = (text(&expected["metadata"]["namespace"]), text(&expected["metadata"]["name"]));
        let key = ResourceKey::of(kind);
        let mut content = self.content();
        match content.find(&key, &namespace, &name) {
            Some(current) if Arc::ptr_eq(current, expected) => {}
            _ => return Err(Stale),
        }
        content.revision += 1;
        let mut last = (**expected).clone();
        last["metadata"]["resourceVersion"] = content.revision.to_string().into();
        if let Some(objects) = content.objects.get_mut(&key).and_then(|o| o.get_mut(&namespace)) {
            objects.remove(&name);
        }
        self.record(&mut content, ChangeKind::Deleted, key, Arc::new(last), Some(expected.clone()));
        Ok(())
    }

    fn record(
        &self,
        content: &mut Content,
        kind: ChangeKind,
        resource: ResourceKey,
        object: Object,
        previous: Option<Object>,
    ) {
        let at = self.0.clock.now();
        let change = Change { kind, resource, object, previous, resource_version: content.revision, at };
        if content.history.len() == HISTORY
            && let Some(oldest) = content.history.pop_front()
        {
            content.compacted = oldest.resource_version;
        }
        content.history.push_back(change.clone());
        // Nobody need be listening.
        let _ = self.0.changes.send(change);
    }
}

/// A uid in the form of RFC 9562 version 4, the same for the same number in every run.
fn uid(serial: u64) -> String {
    let (a, b) = (scramble(serial), scramble(serial ^ 0xa5a5_a5a5_a5a5_a5a5));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        a >> 32,
        (a >> 16) & 0xffff,
        a & 0xfff,
        0x8000 | (b >> 48) & 0x3fff,
        b & 0xffff_ffff_ffff
    )
}

/// The five characters that the API server puts behind a `generateName`: no vowels, so that no words arise.
pub(crate) fn name_suffix(serial: u64) -> String {
    const LETTERS: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut rest = scramble(serial);
    (0..5)
        .map(|_| {
            let letter = LETTERS[(rest % 27) as usize];
            rest /= 27;
            char::from(letter)
        })
        .collect()
}

/// SplitMix64's finalizer: neighbours become unlike, and no two inputs give the same output.
fn scramble(input: u64) -> u64 {
    let mut x = input.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests;
