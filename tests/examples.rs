//! Every example is checked, and run as its own doc comment says.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::{Path, PathBuf};

use assert_cmd::Command;

fn examples() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut found: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "rhai"))
        .filter(|path| !path.to_string_lossy().ends_with(".test.rhai"))
        .collect();
    found.sort();
    assert!(found.len() >= 5, "{found:?}");
    found
}

fn meshbook(home: &Path) -> Command {
    let mut command = Command::cargo_bin("meshbook").unwrap();
    command.current_dir(env!("CARGO_MANIFEST_DIR")).env("MESHBOOK_HOME", home);
    command
}

#[test]
fn every_example_runs_as_it_says() {
    let home = tempfile::tempdir().unwrap();
    for example in examples() {
        let text = std::fs::read_to_string(&example).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("//! meshbook ")).unwrap();
        let output = meshbook(home.path()).args(line.split_whitespace()).output().unwrap();
        let ends_well = if text.contains("\nfound(") { [0, 1] } else { [0, 0] };
        let code = output.status.code().unwrap();
        assert!(
            ends_well.contains(&code),
            "{line}: exit {code}\n{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
}

#[test]
fn the_tests_beside_examples_pass_and_no_example_is_longer_than_a_page() {
    let home = tempfile::tempdir().unwrap();
    meshbook(home.path()).args(["test", "examples"]).assert().success();
    for example in examples() {
        let lines = std::fs::read_to_string(&example).unwrap().lines().count();
        assert!(lines <= 30, "{} has {lines} lines", example.display());
    }
}

#[test]
fn every_example_and_runbook_is_in_order() {
    let home = tempfile::tempdir().unwrap();
    for folder in ["examples", "runbooks"] {
        let checked = meshbook(home.path()).args(["check", folder]).assert().success();
        let said = String::from_utf8_lossy(&checked.get_output().stderr).into_owned();
        assert!(!said.contains("warning"), "{folder}: {said}");
    }
}
