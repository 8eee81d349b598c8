//! Every primitive that changes something, by its own examples: made, undone, and the object is as before. On the lab and on the real mesh.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};

use meshbook_runtime::primitive::{Example, Expect, Inverse};
use meshbook_stdlib::LIBRARY;

use crate::cluster::{Cluster, SUMMIT, assert_same, comparable};
use crate::load::Load;

/// An object as an example's effects name it: `DestinationRule summit/graph-core: spec.host`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Target {
    kind: String,
    namespace: String,
    name: String,
}

impl Target {
    fn of(effect: &str) -> Self {
        let parts = effect.split_once(' ').and_then(|(kind, rest)| {
            let (namespace, rest) = rest.split_once('/')?;
            let (name, _) = rest.split_once(':')?;
            Some(Target { kind: kind.to_lowercase(), namespace: namespace.to_owned(), name: name.to_owned() })
        });
        parts.unwrap_or_else(|| panic!("an effect is written KIND NAMESPACE/NAME: FIELD, not {effect:?}"))
    }
}

#[test]
fn what_only_the_lab_holds_is_named_with_its_reason() {
    let reasons = include_str!("../../docs/fidelity.md");
    for primitive in ON_THE_LAB.iter().chain(CANNOT_BE_UNDONE).chain(NEVER_STAYS) {
        assert!(reasons.contains(&format!("`{primitive}`")), "docs/fidelity.md does not name `{primitive}`");
    }
    let irreversible = |name: &str| {
        LIBRARY.primitives.iter().any(|one| one.name == name && matches!(one.inverse, Some(Inverse::Irreversible(_))))
    };
    assert!(CANNOT_BE_UNDONE.iter().all(|name| irreversible(name)), "what can be undone is undone on the real mesh");
    for (primitive, test) in BY_SCENARIO {
        assert!(test.contains(&format!("`{primitive}`")), "the test of its scenario does not name `{primitive}`");
    }
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn every_change_is_undone_on_the_lab_and_on_the_real_mesh() {
    let _alone = SUMMIT.lock();
    let real = Cluster::real();
    let load = Load::start(&real, "summit", 900);
    let (mut made, mut failed) = (0, Vec::new());
    for primitive in LIBRARY.primitives.iter().filter(|primitive| primitive.changes()) {
        if CANNOT_BE_UNDONE.contains(&primitive.name) {
            continue;
        }
        assert!(
            matches!(primitive.inverse, Some(Inverse::PreImage | Inverse::Deletion | Inverse::WithinCall)),
            "{}: the first that cannot be undone needs a test of its own",
            primitive.name
        );
        let before = made;
        for example in primitive.examples {
            let Expect::Changes(effects) = example.expect else { continue };
            if is_named(primitive.name) {
                continue;
            }
            for cluster in [&Cluster::lab(example.world), &real] {
                let by_scenario = BY_SCENARIO.iter().any(|(name, _)| *name == primitive.name);
                if cluster.name() == real.name() && (by_scenario || ON_THE_LAB.contains(&primitive.name)) {
                    continue;
                }
                // One that fails says why on its own; the others are tried all the same.
                let tried = AssertUnwindSafe(|| change_and_undo(cluster, primitive.name, example, effects));
                if catch_unwind(tried).is_err() {
                    failed.push(format!("{} on the {}", primitive.name, cluster.name()));
                }
                made += 1;
            }
        }
        assert!(is_named(primitive.name) || made > before, "{} has no example that changes something", primitive.name);
    }
    load.stop();
    assert!(made > 0, "the library has primitives that change something");
    println!("{made} changes tried, {} made and undone", made - failed.len());
    assert!(failed.is_empty(), "not as before: {}", failed.join(", "));
}

/// Whether its examples are not tried here, for a reason that one of the lists below gives.
fn is_named(primitive: &str) -> bool {
    [OF_THE_CLUSTER, NO_OBJECT, NEVER_STAYS].iter().any(|list| list.contains(&primitive))
}

/// Changes whose examples need a fault that only a scenario makes: that scenario's own test makes and undoes them on the real mesh.
const BY_SCENARIO: &[(&str, &str)] = &[
    ("remove_tls", include_str!("mtls.rs")),
    ("correct_selector", include_str!("control_plane.rs")),
    ("ignore_failures", include_str!("control_plane.rs")),
    ("set_log_level", include_str!("log_levels.rs")),
    ("apply", include_str!("lifecycle.rs")),
    ("scale", include_str!("lifecycle.rs")),
    ("write", include_str!("lifecycle.rs")),
    ("restore", include_str!("lifecycle.rs")),
    ("move_to", include_str!("lifecycle.rs")),
    ("make_default", include_str!("lifecycle.rs")),
    ("remove", include_str!("lifecycle.rs")),
    ("label_for", include_str!("upgrade.rs")),
    ("configure", include_str!("day2.rs")),
    ("add_missing", include_str!("day2.rs")),
    ("export_statistics", include_str!("day2.rs")),
    ("k8s::create_missing", include_str!("gateways.rs")),
    ("create", include_str!("gateways.rs")),
];

/// Changes of what is no object of Kubernetes, which kubectl cannot read: their scenario makes and undoes them on both.
const NO_OBJECT: &[&str] = &["set_log_level", "write"];

/// What cannot run on the real mesh, for the reasons that `docs/fidelity.md` gives: made and undone on the lab.
const ON_THE_LAB: &[&str] = &["admit_proxies", "raise_limit", "limit_configuration", "k8s::apply_file"];

/// What is removed before its own call ends: there is nothing to undo. `day2.rs` makes requests on the real mesh.
const NEVER_STAYS: &[&str] = &["request"];

/// What is irreversible, and has tests of its own: on the lab, and in `day2.rs`.
const CANNOT_BE_UNDONE: &[&str] = &["restart"];

/// Changes of objects that belong to the whole cluster: a run with a namespace is not how their examples are tried.
const OF_THE_CLUSTER: &[&str] =
    &["ignore_failures", "apply", "restore", "label_for", "move_to", "make_default", "remove", "create"];

/// Runs one example as a runbook, takes it back in another process, and compares the objects.
fn change_and_undo(cluster: &Cluster, primitive: &str, example: &Example, effects: &[&str]) {
    let place = format!("{primitive} on the {}", cluster.name());
    let mut targets: Vec<_> = effects.iter().copied().map(Target::of).collect();
    targets.dedup();
    let read = |targets: &[Target]| {
        targets.iter().map(|target| cluster.find(&target.namespace, &target.kind, &target.name)).collect::<Vec<_>>()
    };
    let folder = tempfile::TempDir::new().expect("a temporary folder");
    let runbook = folder.path().join("example.rhai");
    let text = format!(
        "step \"Example\" {{\n    {};\n    check(\"it was made\", true);\n}}\nfixed(\"it was made\");\n",
        example.script
    );
    fs::write(&runbook, text).expect("the folder can be written");
    let resources = folder.path().join("resources");
    fs::create_dir(&resources).expect("the folder can be written");
    for file in fs::read_dir("runbooks/resources").expect("the runbooks have resources").flatten() {
        fs::copy(file.path(), resources.join(file.file_name())).expect("a resource can be copied");
    }
    let mut kinds: Vec<_> = targets.iter().map(|target| target.kind.as_str()).collect();
    kinds.dedup();

    let before = read(&targets);
    let outcome = cluster.meshbook(&[
        "run",
        &runbook.to_string_lossy(),
        "-n",
        &targets[0].namespace,
        "--approve",
        &kinds.join(","),
    ]);
    assert_eq!(outcome.code, 0, "{place}: {outcome}");
    let record = cluster.newest_record();
    let mut changed: Vec<_> = record
        .events("changing")
        .map(|event| event["object"]["name"].as_str().unwrap_or_default().to_owned())
        .collect();
    changed.dedup();
    assert_eq!(
        changed,
        targets.iter().map(|target| target.name.clone()).collect::<Vec<_>>(),
        "{place} changes other objects than its example says"
    );
    let between = read(&targets);
    for (before, between) in before.iter().zip(&between) {
        assert_ne!(comparable(before), comparable(between), "{place} has changed nothing");
    }

    let undone = cluster.meshbook(&["undo", &record.run]);
    assert_eq!(undone.code, 0, "{place}: {undone}");
    for (before, after) in before.iter().zip(&read(&targets)) {
        assert_same(before, after, &format!("{place}: undo leaves something"));
    }
    println!("{place}: {} made and undone", effects.join(", "));
}
