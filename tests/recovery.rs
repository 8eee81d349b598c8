//! Backup and restoration as a whole, on the lab: interrupted and started again, damaged, with the secrets of the
//! certificate authority. And a failover in which a person moves the name.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "matrix/snapshot.rs"]
mod snapshot;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use meshbook_lab::World;
use meshbook_rehearsal::mesh::InProcess;
use meshbook_rehearsal::rehearsal::play::Kept;
use meshbook_runtime::engine::{self, Script};
use meshbook_runtime::failure::Exit;
use meshbook_runtime::record::event::{Changing, Ended, Event, Line};
use meshbook_runtime::run::{Answer, Approver, Mode, Run, Second, Settings};
use meshbook_stdlib::LIBRARY;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

/// A key of age's own tests.
const IDENTITY: &str = "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";
/// What stands in the secret of the certificate authority.
const CA_KEY: &str = "dGhlIGtleSBvZiB0aGUgYXV0aG9yaXR5";

struct Desk {
    runtime: Runtime,
    home: TempDir,
}

impl Desk {
    fn new() -> Self {
        Desk { runtime: Runtime::new().unwrap(), home: tempfile::tempdir().unwrap() }
    }

    fn mesh(&self, world: World) -> Arc<InProcess> {
        Arc::new(self.runtime.block_on(InProcess::open(world, None)).unwrap())
    }

    fn named(&self, world: &str) -> Arc<InProcess> {
        self.mesh(World::named(world).unwrap())
    }

    fn play(
        &self,
        mesh: &Arc<InProcess>,
        book: &str,
        params: &[(&str, &str)],
        approved: &[&str],
    ) -> (Ended, Vec<Line>) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
        let script = Script::load(&root.join(book), Some(&root), &LIBRARY).unwrap();
        let params: BTreeMap<_, _> =
            params.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let values = engine::params::values(&script.params, &params).unwrap();
        let approvals = approved.iter().map(|text| text.parse().unwrap()).collect();
        let settings =
            Settings { approvals, ..Settings::of(&script, Mode::Unattended, mesh.namespace(), self.home.path()) };
        let kept = Arc::new(Kept::default());
        let handle = self.runtime.handle().clone();
        let run = Run::start(settings, mesh.clone(), kept.clone(), None, handle, CancellationToken::new()).unwrap();
        let outcome = engine::execute(&script, &run, values, &LIBRARY);
        (outcome.ended, kept.take())
    }

    fn backup(&self, mesh: &Arc<InProcess>, name: &str, recipient: &str) {
        let params = [("name", name), ("recipient", recipient)];
        let (ended, _) = self.play(mesh, "disaster-recovery/backup.rhai", &params, &["file"]);
        assert_eq!(ended.ending, "fixed", "{}", ended.message);
    }

    fn restore(&self, mesh: &Arc<InProcess>, params: &[(&str, &str)], approved: &[&str]) -> (Ended, Vec<Line>) {
        self.play(mesh, "disaster-recovery/restore.rhai", params, approved)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.home.path().join("backups").join(name)
    }
}

/// What a run changed, as it named it.
fn changed(lines: &[Line]) -> Vec<String> {
    let changing = lines.iter().filter_map(|line| match &line.event {
        Event::Changing(changing) => Some(changing.object.to_string()),
        _ => None,
    });
    changing.collect()
}

#[test]
fn a_restoration_that_was_interrupted_goes_on_where_it_ended() {
    let desk = Desk::new();
    let whole = desk.named("healthy");
    desk.backup(&whole, "b", "");

    let uninterrupted = desk.named("configuration-lost");
    let (ended, lines) = desk.restore(&uninterrupted, &[("name", "b")], &["destinationrule", "virtualservice"]);
    assert_eq!(ended.ending, "fixed", "{}", ended.message);
    assert_eq!(changed(&lines).len(), 3);

    let mesh = desk.named("configuration-lost");
    let (ended, _) = desk.restore(&mesh, &[("name", "b")], &["destinationrule"]);
    assert_eq!((ended.exit, ended.kept.len(), ended.left_behind.len()), (Exit::Refused, 2, 0), "{}", ended.message);
    let (ended, lines) = desk.restore(&mesh, &[("name", "b")], &["virtualservice"]);
    assert_eq!(ended.ending, "fixed", "{}", ended.message);
    assert_eq!(changed(&lines), ["VirtualService summit/graph-core"], "what is equal already is not touched");

    let (one, other) = (snapshot::take(mesh.store()), snapshot::take(uninterrupted.store()));
    assert_eq!(snapshot::differences(&one, &other), Vec::<String>::new());
    let (ended, lines) = desk.restore(&mesh, &[("name", "b")], &[]);
    assert_eq!((ended.ending.as_str(), changed(&lines).len()), ("not_this", 0), "{}", ended.message);
}

#[test]
fn a_damaged_backup_is_refused_before_the_first_write() {
    let desk = Desk::new();
    desk.backup(&desk.named("healthy"), "b", "");
    let whole = std::fs::read_to_string(desk.file("b")).unwrap();
    let mesh = desk.named("configuration-lost");
    let before = snapshot::take(mesh.store());
    let cut = whole.trim_end().rfind('\n').unwrap() + 1;
    for (damaged, says) in [
        (String::new(), "is empty"),
        (whole[..cut].to_owned(), "is cut short"),
        (whole.replace("maxConnections\":200", "maxConnections\":201"), "another content"),
        (whole.replace("# meshbook-backup 1", "# meshbook-backup 9"), "format 9"),
        (whole.replace("\"kubernetes\":\"v1.37", "\"kubernetes\":\"v1.36"), "does not fit its hash"),
    ] {
        assert_ne!(damaged, whole);
        std::fs::write(desk.file("b"), damaged).unwrap();
        let (ended, lines) = desk.restore(&mesh, &[("name", "b")], &["destinationrule", "virtualservice"]);
        assert_eq!(ended.code.as_deref(), Some("meshbook::backup::damaged"), "{}", ended.message);
        assert!(ended.message.contains(says) && ended.exit == Exit::Refused, "{} says {says}", ended.message);
        assert!(changed(&lines).is_empty());
    }
    assert_eq!(snapshot::differences(&before, &snapshot::take(mesh.store())), Vec::<String>::new());
}

#[test]
fn a_new_cluster_takes_the_place_of_the_one_that_is_named() {
    let desk = Desk::new();
    desk.backup(&desk.named("healthy"), "b", "");
    let mesh = desk.named("cluster-lost");
    let approved = ["destinationrule", "virtualservice"];
    let (ended, lines) = desk.restore(&mesh, &[("name", "b"), ("cluster", "another")], &approved);
    assert_eq!(ended.code.as_deref(), Some("meshbook::backup::foreign"), "{}", ended.message);
    assert!(changed(&lines).is_empty());
    let hint = ended.hint.unwrap();
    let cluster = hint.split("cluster=").nth(1).unwrap().trim_end_matches('`');
    let (ended, lines) = desk.restore(&mesh, &[("name", "b"), ("cluster", cluster)], &approved);
    assert_eq!((ended.ending.as_str(), changed(&lines).len()), ("fixed", 3), "{}", ended.message);
}

#[test]
fn the_secrets_of_the_authority_are_kept_and_restored_only_encrypted() {
    let secret = json!({
        "apiVersion": "v1", "kind": "Secret", "type": "istio.io/ca-root",
        "metadata": { "name": "istio-ca-secret", "namespace": "istio-system" }, "data": { "ca-key.pem": CA_KEY },
    });
    let desk = Desk::new();
    let with = World::named("healthy").unwrap().set("objects.3", secret).unwrap();
    desk.backup(&desk.mesh(with), "b", RECIPIENT);
    let text = std::fs::read_to_string(desk.file("b")).unwrap();
    assert!(text.contains("istio-ca-secret") && text.contains("# age ") && !text.contains(CA_KEY));

    let approved = ["destinationrule", "virtualservice", "secret/istio-ca-secret"];
    let mesh = desk.named("configuration-lost");
    let (ended, lines) = desk.restore(&mesh, &[("name", "b")], &approved);
    assert_eq!(ended.ending, "fixed", "{}", ended.message);
    assert!(!changed(&lines).iter().any(|object| object.starts_with("Secret")), "without an identity it is left alone");

    std::fs::write(desk.file("key"), format!("# created: today\n{IDENTITY}\n")).unwrap();
    let (ended, lines) = desk.restore(&mesh, &[("name", "b"), ("identity", "key")], &approved);
    assert_eq!(ended.ending, "fixed", "{}", ended.message);
    assert_eq!(changed(&lines), ["Secret istio-system/istio-ca-secret"]);
    let restored = mesh.store().get("", "secrets", "istio-system", "istio-ca-secret").unwrap();
    assert_eq!(restored["data"]["ca-key.pem"], CA_KEY);
    for record in std::fs::read_dir(desk.home.path().join("runs")).unwrap() {
        let text = std::fs::read_to_string(record.unwrap().path()).unwrap();
        assert!(!text.contains(CA_KEY) && !text.contains("AGE-SECRET-KEY"), "a record holds a secret");
    }

    std::fs::write(desk.file("stranger"), "AGE-SECRET-KEY-1\n").unwrap();
    let (ended, _) = desk.restore(&mesh, &[("name", "b"), ("identity", "stranger")], &approved);
    assert_eq!(ended.code.as_deref(), Some("meshbook::backup::key"), "{}", ended.message);
}

/// Without what the backup must leave out, the file is what `kubectl apply -f` takes: documents of YAML in order.
#[test]
fn the_file_is_plain_yaml_of_clean_objects() {
    let desk = Desk::new();
    desk.backup(&desk.named("healthy"), "b", "");
    let text = std::fs::read_to_string(desk.file("b")).unwrap();
    let documents: Vec<Value> = text.split("\n---\n").skip(1).map(|one| serde_json::from_str(one).unwrap()).collect();
    let kinds: Vec<&str> = documents.iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(
        kinds,
        [
            "Namespace",
            "Namespace",
            "Namespace",
            "ConfigMap",
            "ConfigMap",
            "DestinationRule",
            "DestinationRule",
            "VirtualService"
        ]
    );
    for object in &documents {
        for key in ["uid", "resourceVersion", "generation", "creationTimestamp", "managedFields", "ownerReferences"] {
            assert!(object["metadata"].get(key).is_none(), "{object} has {key}");
        }
        assert!(object.get("status").is_none());
    }
}

/// Whoever owns the zone: moves the name when asked, or says no.
struct Operator {
    mesh: Arc<InProcess>,
    to: Option<&'static str>,
}

impl Approver for Operator {
    fn ask(&self, _: &Run, _: &Changing) -> Answer {
        Answer::No
    }

    fn confirm(&self, _: &Run, what: &str) -> bool {
        assert_eq!(
            what,
            "move shop.example.com in DNS from 192.0.2.1 to 198.51.100.1, the gateway of failover-secondary"
        );
        self.to.inspect(|address| self.mesh.lead("shop.example.com", &[address])).is_some()
    }
}

/// Fails over on the lab, with a person at the terminal who moves the name to an address.
fn fail_over(to: Option<&'static str>) -> (Ended, Vec<Line>) {
    let desk = Desk::new();
    let (mesh, there) = (desk.named("failover-primary"), desk.named("failover-secondary"));
    let before = (snapshot::take(mesh.store()), snapshot::take(there.store()));
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks");
    let script = Script::load(&root.join("disaster-recovery/failover.rhai"), Some(&root), &LIBRARY).unwrap();
    let given = [("secondary", "failover-secondary"), ("name", "shop.example.com"), ("services", "graph-core")];
    let given = given.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let values = engine::params::values(&script.params, &given).unwrap();
    let settings = Settings {
        second: Some(Second { transport: there.clone(), namespace: "summit".into() }),
        ..Settings::of(&script, Mode::Ask, mesh.namespace(), desk.home.path())
    };
    let kept = Arc::new(Kept::default());
    let operator = Arc::new(Operator { mesh: mesh.clone(), to });
    let handle = desk.runtime.handle().clone();
    let run = Run::start(settings, mesh.clone(), kept.clone(), Some(operator), handle, CancellationToken::new());
    let outcome = engine::execute(&script, &run.unwrap(), values, &LIBRARY);
    let after = (snapshot::take(mesh.store()), snapshot::take(there.store()));
    for (before, after) in [(&before.0, &after.0), (&before.1, &after.1)] {
        assert_eq!(snapshot::differences(before, after), Vec::<String>::new());
    }
    (outcome.ended, kept.take())
}

#[test]
fn a_failover_asks_a_person_looks_whether_the_name_moved_and_changes_neither_cluster() {
    let (ended, lines) = fail_over(Some("198.51.100.1"));
    assert_eq!((ended.exit, ended.ending.as_str()), (Exit::Healthy, "fixed"), "{}", ended.message);
    let asked = |there: Option<&str>| {
        lines.iter().any(|line| matches!(&line.event, Event::Looked { beside, .. } if beside.as_deref() == there))
    };
    assert!(asked(None) && asked(Some("lab failover-secondary")), "the record says which cluster answered");

    // What a person says is no proof.
    let (ended, _) = fail_over(Some("192.0.2.77"));
    assert_eq!(ended.exit, Exit::Dirty, "{}", ended.message);
    assert!(ended.hint.is_some_and(|hint| hint.contains("move shop.example.com in DNS")), "it is set back by hand");
    let (ended, _) = fail_over(None);
    assert_eq!(ended.exit, Exit::Refused, "{}", ended.message);
}
