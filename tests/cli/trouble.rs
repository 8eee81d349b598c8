//! What cannot work: contexts, servers and records. Nothing is changed by any of it.

use std::net::TcpListener;

use super::{BREAKER, Desk};

fn kubeconfig(server: &str) -> String {
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: stage\ncontexts:\n- name: stage\n  context: {{cluster: stage, user: me, namespace: summit}}\nclusters:\n- name: stage\n  cluster: {{server: '{server}'}}\nusers:\n- name: me\n  user: {{token: secret-token}}\n"
    )
}

#[test]
fn an_unknown_context_gets_those_that_exist() {
    let desk = Desk::new();
    let config = desk.file("config", &kubeconfig("https://127.0.0.1:1"));
    desk.call(&["run", BREAKER, "service=x", "--kubeconfig", &config, "--context", "stag"])
        .exits(2)
        .says("stage")
        .says("meshbook::config");
    desk.call(&["run", BREAKER, "service=x"]).exits(2).says("kubeconfig").says("--lab");
    desk.call(&["run", BREAKER, "service=x", "--kubeconfig", "/nowhere/config"]).exits(2).says("/nowhere/config");
    assert!(desk.records().is_empty(), "no run was begun");
}

#[test]
fn an_api_server_that_does_not_answer_is_exit_4_and_its_token_is_nowhere() {
    let desk = Desk::new();
    // A port that was free a moment ago, and where nobody listens now.
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = desk.file("config", &kubeconfig(&format!("https://127.0.0.1:{port}")));
    let called =
        desk.call(&["run", BREAKER, "service=graph-core", "--kubeconfig", &config, "--approve", "destinationrule"]);
    let called = called
        .exits(4)
        .says("meshbook::transport::unreachable")
        .says(&format!("127.0.0.1:{port}"))
        .says("changed  nothing");
    assert!(!called.stdout.contains("secret-token") && !called.stderr.contains("secret-token"));
    for record in desk.records() {
        assert!(!std::fs::read_to_string(record).unwrap().contains("secret-token"));
    }
}

#[test]
fn without_a_record_nothing_is_changed_but_reading_goes_on() {
    let desk = Desk::new();
    let home = desk.file("a-file", "");
    let run = |args: &[&str]| super::Called::of(&desk.command(args).env("MESHBOOK_HOME", &home).output().unwrap());
    run(&["run", BREAKER, "service=graph-core", "--lab", "breaker", "--approve", "destinationrule"])
        .exits(3)
        .says("meshbook::record")
        .says("nothing was changed");
    run(&["run", BREAKER, "service=graph-core", "--lab", "healthy"]).exits(0).says("warning").says("Not this");
    run(&["runs"]).exits(3).says("a-file");
}

#[test]
fn a_home_that_nothing_names_is_an_error_that_says_what_to_set() {
    let desk = Desk::new();
    let mut command = desk.command(&["runs"]);
    command.env_remove("MESHBOOK_HOME").env_remove("HOME");
    super::Called::of(&command.output().unwrap()).exits(2).says("MESHBOOK_HOME");
}

#[test]
fn a_configuration_file_that_is_wrong_says_where() {
    let desk = Desk::new();
    let config = desk.file("config.toml", "[context.stage]\nprotectd = true\n");
    let mut command = desk.command(&["run", BREAKER, "service=x", "--lab", "healthy"]);
    command.env("MESHBOOK_CONFIG", &config);
    super::Called::of(&command.output().unwrap()).exits(2).says("config.toml:2:1").says("did you mean `protected`?");
}

#[test]
fn a_protected_context_has_to_be_named_before_anything_is_approved_there() {
    let desk = Desk::new();
    let kube = desk.file("config", &kubeconfig("https://127.0.0.1:1"));
    let config = desk.file("config.toml", "[context.stage]\nprotected = true\n");
    let args = ["run", BREAKER, "service=x", "--kubeconfig", &kube, "--approve", "destinationrule"];
    let run = |args: &[&str]| super::Called::of(&desk.command(args).env("MESHBOOK_CONFIG", &config).output().unwrap());
    run(&args).exits(3).says("--context stage").says("meshbook::gate::denied");
    run(&[&args[..], &["--context", "stage"]].concat()).exits(4);
}
