#![allow(clippy::unwrap_used, reason = "a panic is a failed test")]

use std::sync::Arc;

use super::fields::Step;
use super::*;
use crate::crd::Schema;
use proptest::prelude::*;

fn rule(limit: u32) -> Value {
    json!({
        "apiVersion": "networking.istio.io/v1",
        "kind": "DestinationRule",
        "metadata": {"name": "graph-core", "namespace": "summit"},
        "spec": {"host": "graph-core", "trafficPolicy": {"connectionPool": {"tcp": {"maxConnections": limit}}}}
    })
}

fn store() -> Store {
    Store::new(LabClock::default())
}

#[test]
fn put_creates_replaces_and_does_nothing_when_nothing_changes() {
    let store = store();
    let mut changes = store.subscribe();
    let first = store.put(rule(1), "world");
    assert_eq!(first["metadata"]["generation"], 1);
    assert_eq!(first["metadata"]["creationTimestamp"], "2026-01-05T09:00:00Z");
    let same = store.put(rule(1), "world");
    assert!(Arc::ptr_eq(&first, &same));
    let second = store.put(rule(2), "other");
    assert_eq!(second["metadata"]["generation"], 2);
    assert_eq!(second["metadata"]["uid"], first["metadata"]["uid"]);
    store.delete("networking.istio.io", "destinationrules", "summit", "graph-core").unwrap();
    let kinds: Vec<ChangeKind> = std::iter::from_fn(|| changes.try_recv().ok()).map(|c| c.kind).collect();
    assert_eq!(kinds, [ChangeKind::Added, ChangeKind::Modified, ChangeKind::Deleted]);
}

#[test]
fn the_status_is_owned_apart_and_counts_no_generation() {
    let store = store();
    let mut deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "front", "namespace": "summit"},
        "spec": {"selector": {"matchLabels": {"app": "front"}}, "template": {"spec": {"containers": [{"name": "app", "image": "a"}]}}},
        "status": {"replicas": 1}
    });
    let first = store.put(deployment.clone(), "world");
    assert_eq!(first["spec"]["replicas"], 1, "defaults are filled in");
    assert_eq!(first["spec"]["template"]["spec"]["containers"][0]["imagePullPolicy"], "Always");
    let second =
        store.put_status("apps", "deployments", "summit", "front", json!({"replicas": 2}), "controller").unwrap();
    assert_eq!((&second["status"]["replicas"], &second["metadata"]["generation"]), (&json!(2), &json!(1)));
    let owners: Vec<(String, String)> =
        managed::decode(&second).into_iter().map(|e| (e.manager, e.subresource)).collect();
    assert_eq!(owners, [("controller".into(), "status".into()), ("world".into(), String::new())]);
    deployment.as_object_mut().unwrap().remove("status");
    deployment["spec"]["replicas"] = 3.into();
    let third = store.put(deployment, "world");
    assert_eq!(third["status"]["replicas"], 2, "a status that is not given stays");
    assert_eq!(third["metadata"]["generation"], 2);
}

#[test]
fn watches_replay_the_history_until_it_is_compacted() {
    let store = store();
    let version = store.resource_version();
    store.put(rule(1), "world");
    store.put(rule(2), "world");
    let (missed, _) = store.changes_after(version).unwrap();
    assert_eq!(missed.len(), 2);
    store.compact();
    assert_eq!(store.changes_after(version).unwrap_err(), Expired { oldest: store.resource_version() });
    assert!(store.changes_after(store.resource_version()).is_ok());
}

#[test]
fn uids_repeat_from_run_to_run_and_never_within_one() {
    let one = store().put(rule(1), "world");
    let other = store().put(rule(1), "world");
    assert_eq!(one["metadata"]["uid"], other["metadata"]["uid"]);
    let mut all: Vec<String> = (0..1000).map(uid).collect();
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 1000);
}

#[test]
fn containers_are_owned_by_name() {
    let store = store();
    let pod = store.put(
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a", "namespace": "summit", "labels": {"app": "a"}},
               "spec": {"containers": [{"name": "app", "image": "a", "ports": [{"containerPort": 80}]}]}}),
        "world",
    );
    let fields = &pod["metadata"]["managedFields"][0]["fieldsV1"];
    assert_eq!(fields["f:metadata"]["f:labels"], json!({".": {}, "f:app": {}}));
    let container = &fields["f:spec"]["f:containers"]["k:{\"name\":\"app\"}"];
    assert_eq!(container["."], json!({}));
    assert_eq!(
        container["f:ports"],
        json!({".": {}, "k:{\"containerPort\":80,\"protocol\":\"TCP\"}": {".": {}, "f:containerPort": {}, "f:protocol": {}}})
    );
}

#[test]
fn an_apply_removes_what_it_no_longer_names_and_nobody_else_owns() {
    let kind = Catalog::get().by_plural("apps", "deployments").unwrap();
    let writer = |manager| Writer { manager, api_version: "apps/v1", subresource: "", time: "2026-01-05T09:00:00Z" };
    let configuration = |containers: Value| json!({"metadata": {"name": "a"}, "spec": {"template": {"spec": {"containers": containers}}}});
    let both = configuration(
        json!([{"name": "app", "image": "a:1", "env": [{"name": "A", "value": "1"}]}, {"name": "side", "image": "s"}]),
    );
    let one = managed::apply(kind, None, &both, &writer("ci"), false).unwrap();
    let mut live = one.clone();
    live["spec"]["template"]["spec"]["containers"][0]["env"]
        .as_array_mut()
        .unwrap()
        .push(json!({"name": "B", "value": "2"}));
    managed::update(kind, Some(&one), &mut live, &writer("someone"));
    let less = configuration(json!([{"name": "app", "image": "a:1"}]));
    let result = managed::apply(kind, Some(&live), &less, &writer("ci"), false).unwrap();
    assert_eq!(
        result["spec"]["template"]["spec"]["containers"],
        json!([{"name": "app", "image": "a:1", "env": [{"name": "B", "value": "2"}]}])
    );
    let other = configuration(json!([{"name": "app", "image": "a:2"}]));
    let conflicts = managed::apply(kind, Some(&result), &other, &writer("cd"), false).unwrap_err();
    assert_eq!(conflicts[0].owner, "\"ci\"");
    assert_eq!(conflicts[0].field, ".spec.template.spec.containers[name=\"app\"].image");
    let forced = managed::apply(kind, Some(&result), &other, &writer("cd"), true).unwrap();
    assert_eq!(forced["spec"]["template"]["spec"]["containers"][0]["image"], "a:2");
}

#[test]
fn what_was_there_before_the_first_apply_is_remembered() {
    let kind = Catalog::get().by_plural("networking.istio.io", "destinationrules").unwrap();
    let writer =
        Writer { manager: "ci", api_version: "networking.istio.io/v1", subresource: "", time: "2026-01-05T09:00:00Z" };
    let configuration = json!({"metadata": {"name": "graph-core"}, "spec": {"host": "graph-core"}});
    let applied = managed::apply(kind, Some(&rule(1)), &configuration, &writer, false).unwrap();
    let owners: Vec<(String, bool)> = managed::decode(&applied).into_iter().map(|e| (e.manager, e.apply)).collect();
    assert_eq!(owners, [("ci".into(), true), ("before-first-apply".into(), false)]);
}

/// A kind whose spec may be anything, so that ownership is deduced from the values.
fn free_kind() -> ResourceType {
    let mut kind = (**Catalog::get().by_plural("networking.istio.io", "destinationrules").unwrap()).clone();
    let mut schema = (*kind.schema).clone();
    schema.properties.insert("spec".into(), Arc::new(Schema::anything()));
    kind.schema = Arc::new(schema);
    kind
}

/// The merge patch that takes another one back. It exists because generated objects hold no nulls.
fn inverse(before: &Value, patch: &Value) -> Value {
    match (before, patch) {
        (Value::Object(old), Value::Object(changes)) => {
            let entries = changes.iter().map(|(key, change)| {
                let back = match old.get(key) {
                    None => Value::Null,
                    Some(old @ Value::Object(_)) if change.is_object() => inverse(old, change),
                    Some(old) => old.clone(),
                };
                (key.clone(), back)
            });
            Value::Object(entries.collect())
        }
        _ => before.clone(),
    }
}

fn spec() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        any::<bool>().prop_map(Value::from),
        (0..4_i64).prop_map(Value::from),
        "[xy]".prop_map(Value::from)
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect())),
        ]
    })
}

fn with_nulls() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![Just(Value::Null), (0..4_i64).prop_map(Value::from), "[xy]".prop_map(Value::from)];
    leaf.prop_recursive(3, 24, 4, |inner| {
        prop::collection::btree_map("[a-d]", inner, 0..4).prop_map(|m| Value::Object(m.into_iter().collect()))
    })
}

fn exists(object: &Value, path: &[Step]) -> bool {
    match path {
        [] => true,
        [Step::Field(name), rest @ ..] => object.get(name).is_some_and(|below| exists(below, rest)),
        _ => false,
    }
}

proptest! {
    #[test]
    fn every_field_has_at_most_one_updater_and_changes_take_it(
        first in spec().prop_filter("a spec is a map", Value::is_object),
        patches in prop::collection::vec((with_nulls().prop_filter("a patch is a map", Value::is_object), 0..3_usize), 1..6),
    ) {
        let kind = free_kind();
        let writer = |n: usize| Writer { manager: ["a", "b", "c"][n], api_version: "networking.istio.io/v1", subresource: "", time: "2026-01-05T09:00:00Z" };
        let mut live = json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "x"}, "spec": first});
        managed::update(&kind, None, &mut live, &writer(0));
        for (patch, who) in patches {
            let mut new = live.clone();
            json_patch::merge(&mut new["spec"], &patch);
            managed::update(&kind, Some(&live), &mut new, &writer(who));
            let entries = managed::decode(&new);
            for entry in &entries {
                for path in entry.fields.paths() {
                    prop_assert!(exists(&new, &path), "{} owns {} which is not there", entry.manager, super::fields::display(&path));
                }
                for other in entries.iter().filter(|o| o.manager != entry.manager) {
                    prop_assert!(entry.fields.intersection(&other.fields).is_empty());
                }
            }
            let comparison = typed::compare(&kind.schema, &live, &new);
            let mut changed = comparison.added.union(&comparison.modified);
            changed.children.retain(|step, _| *step == Step::Field("spec".into()));
            changed.members.clear();
            let own = entries.iter().find(|e| e.manager == writer(who).manager).map(|e| e.fields.clone()).unwrap_or_default();
            prop_assert!(changed.difference(&own).is_empty(), "the writer does not own all that it changed");
            live = new;
        }
    }

    #[test]
    fn a_merge_patch_and_its_inverse_leave_the_object_and_its_owners_as_they_were(
        first in spec().prop_filter("a spec is a map", Value::is_object),
        patch in with_nulls().prop_filter("a patch is a map", Value::is_object),
    ) {
        let kind = free_kind();
        let writer = |manager| Writer { manager, api_version: "networking.istio.io/v1", subresource: "", time: "2026-01-05T09:00:00Z" };
        let mut live = json!({"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule", "metadata": {"name": "x"}, "spec": first});
        managed::update(&kind, None, &mut live, &writer("owner"));
        let mut changed = live.clone();
        json_patch::merge(&mut changed["spec"], &patch);
        managed::update(&kind, Some(&live), &mut changed, &writer("meshbook"));
        let mut back = changed.clone();
        json_patch::merge(&mut back["spec"], &inverse(&live["spec"], &patch));
        managed::update(&kind, Some(&changed), &mut back, &writer("meshbook"));
        prop_assert_eq!(&back["spec"], &live["spec"]);
        // The values are back, but belong to who wrote them last; a write of the entries alone gives them back.
        let mut restored = back.clone();
        match live["metadata"].get("managedFields") {
            Some(entries) => restored["metadata"]["managedFields"] = entries.clone(),
            None => restored["metadata"]["managedFields"] = json!([{}]),
        }
        managed::update(&kind, Some(&back), &mut restored, &writer("meshbook"));
        prop_assert_eq!(restored, live);
    }
}
