//! `meshbook test`: users' own tests of runbooks, once and whenever a file is saved.

use std::io::{BufRead, BufReader, Lines};
use std::process::{ChildStdout, Stdio};

use super::{Desk, signal};

const TESTS: &str = r#"
test "a look at a healthy service" {
    let run = world("healthy").run("look.rhai", #{ service: "graph-core" });
    expect(run.ending()).to_be("not_this");
    expect(run.message()).to_contain("nothing to do");
}

test "what is wrong" {
    let run = world("healthy").run("look.rhai", #{ service: "graph-core" });
    expect(run.changes()).to_be(["DestinationRule summit/catalog: spec.host"]);
}

test "no expectation" {
    world("healthy").run("look.rhai", #{ service: "graph-core" });
}
"#;

const LOOK: &str = "param service: string \"which\";\nnot_this(`${host(service)}: nothing to do`);\n";

fn desk() -> Desk {
    let desk = Desk::new();
    desk.file("look.rhai", LOOK);
    desk.file("look.test.rhai", TESTS);
    desk
}

#[test]
fn what_fails_shows_both_sides_and_the_run_before_it() {
    let called = desk().call(&["test", "."]).exits(1);
    let called = called.says("1 test passed, 2 failed").says("FAILED ./look.test.rhai: what is wrong");
    assert!(called.stdout.contains("ok ./look.test.rhai: a look at a healthy service"), "{called}");
    for said in [
        "error: expected [\"DestinationRule summit/catalog: spec.host\"], but it is []",
        "at ./look.test.rhai:10:",
        "the run before it: not_this, exit 0: graph-core.summit: nothing to do",
        "the test expects nothing, so it cannot fail",
    ] {
        assert!(called.stderr.contains(said), "{said} in {called}");
    }
}

#[test]
fn as_json_there_is_one_document() {
    let called = desk().call(&["test", "look.test.rhai", "--only", "what is wrong", "-o", "json"]).exits(1);
    let document = called.json();
    assert_eq!((&document["passed"], &document["failed"]), (&0.into(), &1.into()), "{document}");
    assert_eq!(document["tests"][0]["title"], "what is wrong");
    assert_eq!(document["tests"][0]["line"], 8);
    assert_eq!(document["tests"][0]["error"]["code"], "meshbook::test::expectation");
}

#[test]
fn what_cannot_be_a_test_is_said_before_anything_runs() {
    let desk = desk();
    desk.call(&["test", "absent"]).exits(2).says("there is no file or folder absent");
    desk.call(&["test", ".", "--only", "absent"]).exits(2).says("no test has \"absent\" in its title");
    desk.file("look.test.rhai", "test \"one\" { expct(1); }\n");
    desk.call(&["test", "."]).exits(2).says("expect(actual: any)");
    desk.call(&["check", "look.test.rhai"]).exits(2).says("expct");
    desk.file("look.test.rhai", "test \"one\" { }\ntest \"one\" { }\n");
    desk.call(&["test", "."]).exits(2).says("two tests are called \"one\"");
    desk.file("look.test.rhai", "let x = 1;\n");
    desk.call(&["test", "."]).exits(2).says("has no tests");
    // `test` is a word of tests only.
    desk.file("look.rhai", "let test = 1; found(\"a\", `${test}`);\n");
    desk.call(&["check", "look.rhai"]).exits(0);
}

#[test]
fn a_test_plays_in_one_world_and_only_looks_at_it() {
    let desk = Desk::new();
    desk.file("look.rhai", LOOK);
    for (text, says) in [
        ("host(\"graph-core\");", "the test has not entered a world yet"),
        ("world(\"healthy\").host(\"graph-core\"); world(\"healthy\").host(\"graph-core\");", "one test, one world"),
        (
            "let w = world(\"healthy\"); w.host(\"graph-core\"); k8s::scale(\"deployment\", \"summit/front\", 1);",
            "may not be changed",
        ),
        ("world(\"healthy\").run(\"../look.rhai\");", "is not a path below the tree of runbooks"),
        ("world(\"healthy\").run(\"absent.rhai\");", "there is no runbook absent.rhai"),
        ("world(\"healthy\").run(\"look.rhai\", #{ service: () });", "parameter `service` is"),
        ("fixed(\"it\");", "the test ended by a word of runbooks"),
    ] {
        desk.file("look.test.rhai", &format!("test \"one\" {{ {text} expect(1).to_be(1); }}\n"));
        desk.call(&["test", "."]).exits(1).says(says);
    }
}

#[test]
fn it_tests_again_when_an_editor_saves_by_rename() {
    let desk = desk();
    let mut process = desk
        .command(&["test", ".", "--watch", "--only", "a look"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
    assert!(summary(&mut lines).starts_with("1 test passed, 0 failed"));
    let beside = desk.file("look.rhai.new", &LOOK.replace("nothing to do", "something else"));
    std::fs::rename(beside, desk.path().join("look.rhai")).unwrap();
    assert!(summary(&mut lines).starts_with("0 tests passed, 1 failed"));
    desk.file("look.rhai", LOOK);
    assert!(summary(&mut lines).starts_with("1 test passed, 0 failed"));
    signal(&process, "INT");
    assert_eq!(process.wait().unwrap().code(), Some(130));
}

/// The next summary. The process writes one after each saving; should it not, the test's own runner ends the wait.
fn summary(lines: &mut Lines<BufReader<ChildStdout>>) -> String {
    lines.map(Result::unwrap).find(|line| line.contains(" passed, ")).expect("a summary")
}

#[test]
fn the_projects_own_tests_pass() {
    let desk = Desk::new();
    let tests = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks");
    desk.call(&["test", tests]).exits(0).says(" passed, 0 failed");
}
