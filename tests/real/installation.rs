//! A real installation of two revisions: whole, and its webhooks give a new pod its sidecar; what people have written of it
//! is kept in a file. What the lab renders is what istioctl does.

use std::collections::BTreeMap;

use meshbook_lab::world::rendering;
use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::control_plane::{CANARY, until_well};

const VALIDATE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/installation/validate.rhai");
const VERIFY: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/upgrade/canary-verify.rhai");
const BACKUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/disaster-recovery/backup.rhai");

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn the_installation_is_whole_and_kept_in_a_file() {
    let _alone = CANARY.lock();
    let real = Cluster::real();
    until_well(&real, "summit-canary");
    for args in [
        &["run", VALIDATE, "-n", "summit-logs"][..],
        &["run", VALIDATE, "revision=canary", "-n", "summit-canary"],
        &["run", VERIFY, "revision=canary", "-n", "summit-canary"],
    ] {
        let outcome = real.meshbook(args);
        println!("{}", outcome.stdout);
        assert_eq!(outcome.code, 0, "{outcome}");
        assert_eq!(real.newest_record().ending(), "not_this", "{outcome}");
    }
    let kept = real.meshbook(&["run", BACKUP, "name=whole", "-n", "summit-logs", "--approve", "file"]);
    println!("{}", kept.stdout);
    assert_eq!(kept.code, 0, "{kept}");
    let file = std::fs::read_to_string(format!("{}/backups/whole", real.home())).expect("the backup was written");
    for part in ["\"kind\":\"DestinationRule\"", "\"name\":\"graph-core\"", "\"name\":\"istio-canary\""] {
        assert!(file.contains(part), "{part} is not in\n{file}");
    }
    for left_out in ["managedFields", "resourceVersion", "/leader", "ca-crl.pem"] {
        assert!(!file.contains(left_out), "{left_out} is in\n{file}");
    }
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn the_lab_renders_what_istioctl_renders() {
    let real = Cluster::real();
    let values = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/resources/primary-cluster.yaml");
    let file = std::fs::read_to_string(values).expect("the values are a file of the repository");
    let of_file = [("default", true, file.as_str()), ("some-revision", false, &file)];
    let plain = [("default", true, ""), ("some-revision", true, ""), ("some-revision", false, "")];
    for (revision, first, file) in plain.into_iter().chain(of_file) {
        let mut istioctl = real.command("istioctl");
        // A build of Istio's master names images of its own.
        let images = ["--set=hub=registry.istio.io/release", "--set=tag=1.31.0"];
        istioctl.args(["manifest", "generate", "--set=profile=minimal"]).args(images);
        if revision != "default" {
            istioctl.arg(format!("--revision={revision}"));
        }
        if first {
            istioctl.arg(format!("--set=values.defaultRevision={revision}"));
        }
        if !file.is_empty() {
            istioctl.args(["-f", values]);
        }
        let output = istioctl.output().expect("istioctl can be started");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).expect("istioctl prints UTF-8");
        let rendered: Vec<Value> = serde_saphyr::from_multiple(&text).expect("istioctl prints YAML");
        let by_name = |objects: Vec<Value>| -> BTreeMap<String, Value> {
            let objects = objects.into_iter().filter(|object| !object.is_null()).map(|mut object| {
                if object["kind"] == "CustomResourceDefinition" {
                    // The lab has them from istio.io/api, without what is written for people.
                    let versions = object["spec"]["versions"].as_array().cloned().unwrap_or_default();
                    let versions: Vec<Value> = versions.iter().map(|version| version["name"].clone()).collect();
                    object = json!({ "kind": object["kind"], "metadata": { "name": object["metadata"]["name"] },
                        "spec": { "group": object["spec"]["group"], "scope": object["spec"]["scope"], "versions": versions } });
                }
                // What stands in a ConfigMap as text is compared by what it says.
                for key in ["mesh", "values", "merged-values", "original-values"] {
                    if let Some(text) = object.pointer_mut(&format!("/data/{key}")) {
                        *text = serde_saphyr::from_str(text.as_str().unwrap_or_default()).expect("it is YAML or JSON");
                    }
                }
                (format!("{} {}", object["kind"], object["metadata"]["name"]), object)
            });
            objects.collect()
        };
        let ours = rendering::with_values(rendering::rendered(revision, first), file, &[]).expect("the lab knows them");
        let (theirs, ours) = (by_name(rendered), by_name(ours));
        assert_eq!(ours.keys().collect::<Vec<_>>(), theirs.keys().collect::<Vec<_>>(), "{revision}, first: {first}");
        for (name, object) in &theirs {
            assert_eq!(&ours[name], object, "{name} of {revision}, first: {first}");
        }
    }
}
