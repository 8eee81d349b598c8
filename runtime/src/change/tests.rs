//! Properties of differences, patches and undo, over objects of every shape.

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use super::field::{Identity, Path, Step};
use super::undo::examine_for_tests as examine;
use super::{FieldChange, diff, field, ownership, patch};
use crate::effect::Class;
use crate::record::event::Changing;
use crate::run::fake::rule;

/// A value of a spec: leaves, lists with and without identities, objects.
fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        (0..4_u8).prop_map(|number| json!(number)),
        "[xy]{0,2}".prop_map(|text| json!(text)),
        any::<bool>().prop_map(|flag| json!(flag)),
        prop::collection::vec(0..3_u8, 0..3).prop_map(|list| json!(list)),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        prop_oneof![object_of(inner.clone()), named_items(inner.clone()), by_port(inner)]
    })
}

fn object_of(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map("[ab]|c\\.d|e/f", inner, 0..4)
        .prop_map(|fields| Value::Object(fields.into_iter().collect()))
}

fn named_items(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    let items = prop::collection::btree_map("v[1-4]", inner, 0..4)
        .prop_map(|items| items.into_iter().map(|(name, v)| json!({ "name": name, "v": v })).collect::<Vec<_>>());
    items.prop_shuffle().prop_map(Value::Array)
}

fn by_port(inner: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop::collection::btree_map(1..4_u16, inner, 0..3)
        .prop_map(|items| items.into_iter().map(|(port, v)| json!({ "port": { "number": port }, "v": v })).collect())
}

fn object() -> impl Strategy<Value = Value> {
    (object_of(value()), prop::collection::btree_map("[ab]", "[xy]", 0..2)).prop_map(|(spec, labels)| {
        let mut object = json!({ "metadata": { "name": "x" }, "spec": spec });
        if !labels.is_empty() {
            object["metadata"]["labels"] = json!(labels);
        }
        object
    })
}

fn carry_all(object: &mut Value, fields: &[FieldChange], forward: bool, image: &Value) {
    for change in fields {
        let value = if forward { &change.after } else { &change.before };
        patch::carry(object, &change.path.0, value.as_ref(), Some(image))
            .expect("the object has the form that the difference was taken from");
    }
}

fn changing(before: &Value, after: &Value) -> Changing {
    Changing {
        object: rule("x"),
        summary: String::new(),
        class: Class::Change,
        fields: diff::fields(before, after),
        pre_image: before.clone(),
        patch: Value::Null,
        irreversible: None,
        gitops: None,
        validated: true,
        levels: None,
        fleeting: false,
        apply: None,
        first: None,
        deletes: false,
        left_to_others: Vec::new(),
        companions: Vec::new(),
    }
}

proptest! {
    #[test]
    fn a_difference_leads_from_one_object_to_the_other_and_back(before in object(), after in object()) {
        let fields = diff::fields(&before, &after);
        let mut forward = before.clone();
        carry_all(&mut forward, &fields, true, &after);
        prop_assert_eq!(&forward, &after);
        carry_all(&mut forward, &fields, false, &before);
        prop_assert_eq!(&forward, &before);
    }

    #[test]
    fn no_difference_means_equal(one in object(), other in object()) {
        prop_assert_eq!(diff::fields(&one, &other).is_empty(), one == other);
        prop_assert!(diff::fields(&one, &one).is_empty());
    }

    #[test]
    fn the_merge_patch_makes_one_object_the_other(before in object(), after in object()) {
        let mut patched = before.clone();
        if let Some(patch) = patch::between(&before, &after) {
            patch::apply(&mut patched, &patch);
        }
        prop_assert_eq!(patched, after);
    }

    #[test]
    fn the_paths_of_a_difference_read_differently(before in object(), after in object()) {
        let fields = diff::fields(&before, &after);
        let texts: BTreeSet<String> = fields.iter().map(|change| change.path.to_string()).collect();
        prop_assert_eq!(texts.len(), fields.len());
    }

    #[test]
    fn a_path_survives_the_record(before in object(), after in object()) {
        for change in diff::fields(&before, &after) {
            let text = serde_json::to_string(&change).unwrap();
            prop_assert_eq!(serde_json::from_str::<FieldChange>(&text).unwrap(), change);
        }
    }

    #[test]
    fn undo_restores_what_nobody_else_touched(before in object(), after in object()) {
        let (desired, restored, conflicts) = examine(&changing(&before, &after), Some(&after), &after);
        prop_assert_eq!(&desired, &before);
        prop_assert_eq!(conflicts.len(), 0);
        prop_assert_eq!(restored.len(), diff::fields(&after, &changing(&before, &after).pre_image).len());
    }

    #[test]
    fn undo_never_overwrites_what_somebody_else_set(before in object(), ours in object(), foreign in object(), chosen in any::<u64>()) {
        // Somebody else makes some of the changes that lead from our object to a third one.
        let theirs: Vec<FieldChange> = diff::fields(&ours, &foreign).into_iter().enumerate().filter(|(place, _)| chosen >> (place % 64) & 1 == 1).map(|(_, change)| change).collect();
        let mut now = ours.clone();
        carry_all(&mut now, &theirs, true, &foreign);
        let change = changing(&before, &ours);
        let (desired, restored, conflicts) = examine(&change, Some(&ours), &now);
        for set in &theirs {
            if let Some(Value::Array(items)) = &set.after && ["name", "port.number"].iter().any(|by| field::identities(items, by).is_some()) {
                // A list in an order of theirs: what is ours in its items may be set back.
                continue;
            }
            prop_assert_eq!(field::get(&desired, &set.path), field::get(&now, &set.path), "{} was set by somebody else; now {}, before {}, ours {}", set.path, now, before, ours);
        }
        // And nobody's fields but ours are touched: each field is restored, in conflict, or as before already.
        for field in &change.fields {
            let ways = [restored.contains(&field.path), conflicts.iter().any(|conflict| conflict.path == field.path)];
            prop_assert!(ways != [true, true]);
            if restored.contains(&field.path) {
                prop_assert!(field.stands_in(&now));
            } else if conflicts.is_empty() {
                prop_assert_eq!(field::get(&now, &field.path), field.before.as_ref());
            }
        }
        // What is sent makes exactly this object of the present one.
        let mut patched = now.clone();
        if let Some(patch) = patch::between(&now, &desired) {
            patch::apply(&mut patched, &patch);
        }
        prop_assert_eq!(patched, desired);
    }
}

fn paths(before: &Value, after: &Value) -> Vec<String> {
    diff::fields(before, after).iter().map(|change| change.path.to_string()).collect()
}

#[test]
fn fields_are_named_as_people_write_them() {
    let before = json!({ "spec": { "subsets": [{ "name": "v1" }, { "name": "v2", "trafficPolicy": { "portLevelSettings": [{ "port": { "number": 8080 } }] } }] } });
    let mut after = before.clone();
    after["spec"]["subsets"][1]["trafficPolicy"]["portLevelSettings"][0]["connectionPool"] =
        json!({ "tcp": { "maxConnections": 9 } });
    after["metadata"] = json!({ "labels": { "app.kubernetes.io/name": "x" } });
    assert_eq!(
        paths(&before, &after),
        [
            "spec.subsets[v2].trafficPolicy.portLevelSettings[8080].connectionPool.tcp.maxConnections",
            "metadata.labels[\"app.kubernetes.io/name\"]"
        ]
    );
}

#[test]
fn what_the_server_writes_is_no_difference() {
    let before =
        json!({ "metadata": { "resourceVersion": "1", "generation": 1, "managedFields": [] }, "status": { "x": 1 } });
    let after =
        json!({ "metadata": { "resourceVersion": "2", "generation": 2, "managedFields": [1] }, "status": { "x": 2 } });
    assert_eq!(paths(&before, &after), Vec::<String>::new());
    assert_eq!(patch::between(&before, &after), None);
}

#[test]
fn a_list_whose_order_changes_or_whose_items_are_nameless_is_one_field() {
    assert_eq!(
        paths(&json!({ "l": [{ "name": "a" }, { "name": "b" }] }), &json!({ "l": [{ "name": "b" }, { "name": "a" }] })),
        ["l"]
    );
    assert_eq!(paths(&json!({ "l": [{ "x": 1 }] }), &json!({ "l": [{ "x": 2 }] })), ["l"]);
    assert_eq!(paths(&json!({ "l": [{ "name": "a" }, { "name": "a" }] }), &json!({ "l": [{ "name": "a" }] })), ["l"]);
}

#[test]
fn an_item_returns_to_its_place() {
    let before = json!({ "http": [{ "name": "a" }, { "name": "b" }, { "name": "c" }] });
    let now = json!({ "http": [{ "name": "a" }, { "name": "theirs" }, { "name": "c" }] });
    let ours = json!({ "http": [{ "name": "a" }, { "name": "c" }] });
    let (desired, _, conflicts) = examine(&changing(&before, &ours), Some(&ours), &now);
    assert_eq!(
        (desired["http"].clone(), conflicts.len()),
        (json!([{ "name": "a" }, { "name": "b" }, { "name": "theirs" }, { "name": "c" }]), 0)
    );
}

#[test]
fn a_field_is_not_set_again_into_what_somebody_else_has_removed_or_made_anew() {
    let before = json!({ "spec": { "tls": { "mode": "SIMPLE", "sni": "x" } } });
    let ours = json!({ "spec": { "tls": { "mode": "SIMPLE" } } });
    let (desired, _, conflicts) = examine(&changing(&before, &ours), Some(&ours), &json!({ "spec": {} }));
    assert_eq!((desired, conflicts.len()), (json!({ "spec": {} }), 1));

    let before = json!({ "spec": { "tls": { "mode": "SIMPLE" } } });
    let (ours, now) = (json!({ "spec": {} }), json!({ "spec": { "tls": {} } }));
    let (desired, _, conflicts) = examine(&changing(&before, &ours), Some(&ours), &now);
    assert_eq!((desired, conflicts.len()), (now, 1));
}

#[test]
fn an_item_that_is_there_twice_is_a_conflict() {
    let before = json!({ "l": [{ "name": "a", "v": 1 }] });
    let ours = json!({ "l": [{ "name": "a", "v": 2 }] });
    let now = json!({ "l": [{ "name": "a", "v": 2 }, { "name": "a", "v": 2 }] });
    let (desired, _, conflicts) = examine(&changing(&before, &ours), Some(&ours), &now);
    assert_eq!((desired, conflicts.len()), (now, 1));
}

#[test]
fn the_manager_of_a_field_is_found_in_its_set() {
    let object = json!({ "metadata": { "managedFields": [
        { "manager": "meshbook", "time": "2026-01-05T09:00:03Z", "fieldsV1": { "f:spec": { "f:host": {} } } },
        { "manager": "kubectl", "time": "2026-01-05T09:00:01Z", "fieldsV1": { "f:spec": { "f:host": {}, "f:trafficPolicy": { ".": {}, "f:tls": {} } } } },
        { "manager": "helm", "time": "2026-01-05T09:00:02Z", "fieldsV1": { "f:spec": { "f:containers": { "k:{\"name\":\"app\"}": { "f:image": {} } } } } },
    ] } });
    let key = |key: &str| Step::Key(key.into());
    let manager = |steps: Vec<Step>| ownership::manager_of(&object, &Path(steps), "meshbook");
    assert_eq!(manager(vec![key("spec"), key("host")]).as_deref(), Some("kubectl"));
    assert_eq!(
        manager(vec![key("spec"), key("trafficPolicy"), key("tls"), key("mode")]).as_deref(),
        Some("kubectl"),
        "an atomic field is owned whole"
    );
    let item = |name: &str| Step::Item { by: "name".into(), is: Identity::Text(name.into()) };
    assert_eq!(manager(vec![key("spec"), key("containers"), item("app"), key("image")]).as_deref(), Some("helm"));
    assert_eq!(manager(vec![key("spec"), key("containers"), item("side"), key("image")]), None);
}

/// One entry of `metadata.managedFields`, of the object itself or of its status.
fn entry(status: bool) -> impl Strategy<Value = Value> {
    ("[abc]", 0..9_u8, "[xyz]").prop_map(move |(manager, time, field)| {
        let mut entry = json!({ "manager": manager, "operation": "Update", "time": time.to_string() });
        if status {
            entry["subresource"] = json!("status");
        }
        entry["fieldsV1"] = json!({ "f:spec": { (format!("f:{field}")): {} } });
        entry
    })
}

fn entries(status: bool) -> impl Strategy<Value = Vec<Value>> {
    prop::collection::vec(entry(status), 0..4)
}

/// An object whose entries are sorted by time, as the server has them.
fn owned(fields: &[Value], status: &[Value]) -> Value {
    let mut all = [fields, status].concat();
    all.sort_by_key(|entry| entry["time"].to_string());
    json!({ "metadata": { "managedFields": all } })
}

proptest! {
    /// Whatever a controller reports between a change and the end of its undo: the owners of the object's own fields
    /// are those of before, and the controller's entries are those that it wrote last.
    #[test]
    fn owners_are_put_back_around_what_controllers_report(
        fields in entries(false), changed in entries(false), undone in entries(false),
        first in entries(true), second in entries(true), last in entries(true),
    ) {
        let before = owned(&fields, &first);
        let wanted = ownership::before(
            (&before, &owned(&changed, &first)),
            (&owned(&changed, &second), &owned(&undone, &second)),
            &owned(&undone, &last),
            "meshbook",
        );
        let wanted = json!({ "metadata": { "managedFields": wanted.expect("only a controller has written") } });
        prop_assert!(ownership::is_alike(&wanted, &owned(&fields, &last)));
    }

    /// Where nobody reports, the whole list is as before, with what the change took from the status' owner.
    #[test]
    fn without_a_controller_all_owners_are_put_back(
        fields in entries(false), changed in entries(false), undone in entries(false),
        status in entries(true), taken in entries(true), left in entries(true),
    ) {
        let (before, after) = (owned(&fields, &status), owned(&changed, &taken));
        let now = owned(&undone, &left);
        let wanted = ownership::before((&before, &after), (&after, &now), &now, "meshbook");
        let wanted = json!({ "metadata": { "managedFields": wanted.expect("nobody else has written") } });
        prop_assert!(ownership::is_alike(&wanted, &before));
    }

    /// Who has taken a field keeps it.
    #[test]
    fn owners_are_not_put_back_over_somebody_else(
        fields in entries(false), changed in entries(false), undone in entries(false), other in entry(false),
        first in entries(true), last in entries(true), after_the_undo in any::<bool>(),
    ) {
        let with_other = |entries: &[Value]| [entries, std::slice::from_ref(&other)].concat();
        let found = if after_the_undo { changed.clone() } else { with_other(&changed) };
        let now = if after_the_undo { with_other(&undone) } else { undone.clone() };
        let wanted = ownership::before(
            (&owned(&fields, &first), &owned(&changed, &first)),
            (&owned(&found, &first), &owned(&undone, &first)),
            &owned(&now, &last),
            "meshbook",
        );
        prop_assert_eq!(wanted, None);
    }
}

#[test]
fn what_a_change_took_from_a_controller_that_has_reported_since_cannot_be_given_back() {
    let report = |time: &str, field: &str| json!({ "manager": "controller", "subresource": "status", "time": time, "fieldsV1": { field: {} } });
    let before = owned(&[], &[report("1", "f:metadata")]);
    let after = owned(&[], &[report("1", "f:status")]);
    let now = owned(&[], &[report("2", "f:status")]);
    assert_eq!(ownership::before((&before, &after), (&now, &now), &now, "meshbook"), None);
}

#[test]
fn gitops_controllers_are_known_by_their_marks() {
    let marked = |metadata: Value| ownership::gitops_owner(&json!({ "metadata": metadata }));
    let by_manager = |manager: &str| marked(json!({ "managedFields": [{ "manager": manager }] }));
    assert_eq!(
        marked(json!({ "labels": { "argocd.argoproj.io/instance": "graph" } })).as_deref(),
        Some("Argo CD (application graph)")
    );
    assert_eq!(
        marked(json!({ "labels": { "helm.toolkit.fluxcd.io/name": "g", "helm.toolkit.fluxcd.io/namespace": "flux" } }))
            .as_deref(),
        Some("Flux (HelmRelease flux/g)")
    );
    for manager in ["argocd-controller", "argocd-application-controller", "kustomize-controller", "helm-controller"] {
        assert!(by_manager(manager).unwrap().contains(manager));
    }
    assert_eq!(by_manager("kubectl-edit"), None);
    assert_eq!(marked(Value::Object(Map::new())), None);
}

/// The creation of an object, as the server answers it.
fn created(spec: &Value) -> (Changing, Value) {
    let mut post = json!({ "metadata": { "name": "x", "uid": "1", "resourceVersion": "7" } });
    post["spec"] = spec["spec"].clone();
    let change = Changing { pre_image: Value::Null, ..changing(&Value::Null, &post) };
    (change, post)
}

proptest! {
    #[test]
    fn a_creation_is_taken_back_only_while_nobody_has_touched_it(ours in object(), foreign in object()) {
        let (change, post) = created(&ours);
        let untouched = super::creation::examine(&change, Some(&post), &post, "meshbook").unwrap();
        prop_assert!(untouched.is_empty());
        let mut now = post.clone();
        now["spec"] = foreign["spec"].clone();
        let conflicts = super::creation::examine(&change, Some(&post), &now, "meshbook").unwrap();
        prop_assert_eq!(conflicts.is_empty(), diff::fields(&post, &now).is_empty());
        now["metadata"]["uid"] = json!("2");
        prop_assert!(super::creation::examine(&change, Some(&post), &now, "meshbook").is_err());
    }
}
