//! The reviewed alert rules: sound, tried by promtool on faults and on a healthy mesh, and the same wherever they stand.
//!
//! promtool is taken from `MESHBOOK_PROMTOOL`, `$REAL_MESH_BIN` (by default /var/cache/real-mesh/bin) or the PATH, else
//! `tests/real/build fetched` fetches it.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use serde_json::{Value, json};

fn resources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("runbooks/resources")
}

fn promtool() -> &'static Path {
    static FOUND: OnceLock<PathBuf> = OnceLock::new();
    FOUND.get_or_init(|| {
        if let Some(named) = std::env::var_os("MESHBOOK_PROMTOOL").map(PathBuf::from) {
            return named;
        }
        let real = PathBuf::from(std::env::var_os("REAL_MESH_BIN").unwrap_or_else(|| "/var/cache/real-mesh/bin".into()));
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::iter::once(real.clone()).chain(std::env::split_paths(&path));
        let found = folders.map(|folder| folder.join("promtool")).find(|file| file.is_file());
        found.unwrap_or_else(|| {
            let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/real/build");
            let output = Command::new(&build).arg("fetched").output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(
                output.status.success(),
                "these tests need promtool: none is in MESHBOOK_PROMTOOL, REAL_MESH_BIN or PATH, and `tests/real/build fetched` failed: {said}"
            );
            real.join("promtool")
        })
    })
}

fn run(arguments: &[&str], folder: &Path) -> Output {
    Command::new(promtool()).args(arguments).current_dir(folder).output().unwrap()
}

fn holds(arguments: &[&str], folder: &Path) {
    let output = run(arguments, folder);
    let (out, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "promtool {}\n{out}\n{error}", arguments.join(" "));
}

fn yaml(text: &str) -> Value {
    serde_saphyr::from_str(text).unwrap()
}

fn read(name: &str) -> String {
    fs::read_to_string(resources().join(name)).unwrap()
}

#[test]
fn the_rules_are_sound() {
    holds(&["check", "rules", "--lint=all", "--lint-fatal", "istio-alerts.rules.yaml"], &resources());
}

#[test]
fn each_rule_fires_on_its_fault_and_none_on_a_healthy_mesh() {
    holds(&["test", "rules", "istio-alerts.tests.yaml"], &resources());
}

/// What the manual says, or another likely mistake, does not pass the same tests.
#[test]
fn a_rule_that_cannot_do_its_work_fails_its_tests() {
    for (right, wrong) in [
        ("response_code=~\"5..\"", "response_code=\"5xx\""),
        ("sum by (reporter, destination_service)", "sum"),
        ("    for: 5m", "    for: 30m"),
        ("> 2000", "> 2000000"),
        ("(rate(istio_request_duration_milliseconds_bucket[5m]))", "(rate(istio_request_duration_milliseconds[5m]))"),
        ("absent(pilot_info)", "absent(up)"),
        ("citadel_server_root_cert_expiry_timestamp", "pilot_cert_expiry_seconds"),
        ("/ 86400 < 7", "/ 86400 < 100000"),
        ("> 0.01", ">= 0"),
    ] {
        let rules = read("istio-alerts.rules.yaml");
        assert!(rules.contains(right), "{right}");
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("istio-alerts.rules.yaml"), rules.replace(right, wrong)).unwrap();
        fs::write(folder.path().join("istio-alerts.tests.yaml"), read("istio-alerts.tests.yaml")).unwrap();
        let output = run(&["test", "rules", "istio-alerts.tests.yaml"], folder.path());
        assert!(!output.status.success(), "the tests pass with `{wrong}` instead of `{right}`");
    }
}

#[test]
fn the_object_and_the_file_have_the_same_rules() {
    let (file, object) = (yaml(&read("istio-alerts.rules.yaml")), yaml(&read("istio-alerts.prometheusrule.yaml")));
    assert_eq!(object["spec"]["groups"], file["groups"]);
    assert_eq!(
        (&object["apiVersion"], &object["kind"]),
        (&json!("monitoring.coreos.com/v1"), &json!("PrometheusRule"))
    );
}

#[test]
fn the_worlds_have_the_reviewed_rules() {
    let reviewed = yaml(&read("istio-alerts.rules.yaml"));
    for name in ["healthy", "alerts"] {
        let world = meshbook_lab::world::World::named(name).unwrap();
        assert_eq!(yaml(&world.spec().telemetry.rules), reviewed, "{name}");
    }
}

#[test]
fn every_alert_names_a_runbook() {
    let file = yaml(&read("istio-alerts.rules.yaml"));
    for rule in file["groups"][0]["rules"].as_array().unwrap() {
        let runbook = rule["annotations"]["runbook"].as_str().unwrap();
        assert!(runbook.starts_with("troubleshooting/") && runbook.ends_with(".rhai"), "{rule}");
    }
}
