//! Runs against a lab in another process: undo by a later process, conflicts, permissions, locks, interrupts.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::Stdio;

use serde_json::Value;

use super::{Called, Desk, ServedLab, signal};

/// Sets one limit of the rule `catalog`, and proves it.
pub const SET: &str = r#"//! Sets a limit.
param limit: int "the limit";
step "Set it" {
    k8s::patch("destinationrule", "catalog", #{ spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ maxConnections: limit } } } } });
    check("it is set", k8s::get("destinationrule", "catalog").field("spec.trafficPolicy.connectionPool.tcp.maxConnections") == limit);
}
fixed(`the limit is ${limit}`);
"#;

/// Sets it, and waits for what never comes.
pub const SET_AND_WAIT: &str = r#"//! Sets a limit and waits.
step "Set it" {
    k8s::patch("destinationrule", "catalog", #{ spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ maxConnections: 7 } } } } });
    wait 2h until { k8s::get("destinationrule", "catalog").field("spec.host") == "another" };
}
fixed("never said");
"#;

/// Says what it is.
pub const LOOK: &str = r#"//! Shows a limit.
step "Look" { show(`limit ${k8s::get("destinationrule", "catalog").field("spec.trafficPolicy.connectionPool.tcp.maxConnections")}`); }
not_this("only looked");
"#;

/// The limit of the rule `catalog`, as the cluster has it.
pub fn limit(desk: &Desk) -> i64 {
    let script = desk.file("look.rhai", LOOK);
    let shown = desk.call(&["run", &script, "-o", "json"]).exits(0).json();
    shown["shown"][0]["title"].as_str().unwrap().strip_prefix("limit ").unwrap().parse().unwrap()
}

#[test]
fn what_one_process_has_changed_another_takes_back_once() {
    let lab = ServedLab::start("breaker");
    let desk = Desk::at(&lab);
    let script = desk.file("set.rhai", SET);
    let before = limit(&desk);
    let run = desk.call(&["run", &script, "limit=300", "--approve", "destinationrule"]).exits(0);
    let run = run.says("LAB lab-breaker").says("meshbook undo 01").says("proved, stays");
    assert!(run.stdout.contains("+ spec.trafficPolicy.connectionPool.tcp.maxConnections: 300"), "{run}");
    let runs = desk.call(&["runs", "-o", "json"]).exits(0).json();
    let run = runs.as_array().unwrap().iter().find(|run| run["in_force"] == 1).unwrap();
    let id = run["run"].as_str().unwrap();
    let undone = desk.call(&["undo", &id[..20].to_lowercase()]).exits(0).says("Undone");
    assert!(undone.stdout.contains("- spec.trafficPolicy.connectionPool.tcp.maxConnections: 300"), "{undone}");
    let restored = format!("+ spec.trafficPolicy.connectionPool.tcp.maxConnections: {before}");
    assert!(undone.stdout.contains(&restored), "{undone}");
    assert!(undone.stdout.contains("the owners of its fields too"), "{undone}");
    assert_eq!(limit(&desk), before);
    desk.call(&["undo", id]).exits(3).says("meshbook::undo::nothing");
    desk.call(&["runs", id]).exits(0).says("undo");
    let runs = desk.call(&["runs", "-o", "json"]).exits(0).json();
    assert!(runs.as_array().unwrap().iter().all(|run| run["in_force"] == 0), "{runs}");
}

/// A Deployment with the owners of its fields: what `scale` shows.
const SCALE: &str = r#"//! Scales a workload.
step "Scale" {
    show(k8s::get("deployment", "front").raw());
    k8s::scale("deployment", "front", 5);
    wait 1m until { k8s::get("deployment", "front").field("status.readyReplicas") == 5 };
    show(k8s::get("deployment", "front").raw());
}
fixed("five pods run");
"#;

#[test]
fn the_owners_of_what_was_scaled_are_restored_although_its_controller_reports() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let script = desk.file("scale.rhai", SCALE);
    let run = desk.call(&["run", &script, "--approve", "deployment", "-o", "json"]).exits(0).json();
    let owners = |object: &Value, status: bool| -> Vec<Value> {
        let all = object["metadata"]["managedFields"].as_array().unwrap_or_else(|| panic!("no owners: {object}"));
        all.iter().filter(|entry| (entry["subresource"] == "status") == status).cloned().collect()
    };
    let (before, scaled) = (&run["shown"][0]["value"], &run["shown"][1]["value"]);
    assert_ne!(owners(before, true), owners(scaled, true), "the controller has reported");
    assert_ne!(owners(before, false), owners(scaled, false), "the replicas are ours");
    let undone = desk.call(&["undo", run["run"].as_str().unwrap()]).exits(0);
    let undone = undone.says("as before, the owners of its fields too");
    let look = desk.file(
        "look-at-front.rhai",
        "//! Looks.\nstep \"Look\" { show(k8s::get(\"deployment\", \"front\").raw()); }\nnot_this(\"only looked\");\n",
    );
    let after = desk.call(&["run", &look, "-o", "json"]).exits(0).json();
    let after = &after["shown"][0]["value"];
    assert_eq!(owners(after, false), owners(before, false), "{undone}");
    assert_eq!(after["spec"], before["spec"]);
}

#[test]
fn what_somebody_else_has_changed_since_is_left_alone() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let script = desk.file("set.rhai", SET);
    let before = limit(&desk);
    let set = |to: &str| -> Value {
        desk.call(&["run", &script, &format!("limit={to}"), "--approve", "destinationrule", "-o", "json"])
            .exits(0)
            .json()
    };
    let (first, second) = (set("300"), set("400"));
    let (oldest, newest) = (first["run"].as_str().unwrap(), second["run"].as_str().unwrap());
    desk.call(&["undo", oldest]).exits(3).says("meshbook::undo::newer").says(&format!("meshbook undo {newest}"));
    assert_eq!(limit(&desk), 400, "nothing was taken back");
    let called =
        desk.call(&["undo", oldest, "--out-of-order"]).exits(7).says("left alone").says("now 400").says("STAYS");
    assert!(called.stdout.contains("the run had set 300"), "{called}");
    assert_eq!(limit(&desk), 400);
    let document = desk.call(&["undo", oldest, "--out-of-order", "-o", "json"]).exits(7).json();
    assert_eq!(document["changes"][0]["conflicts"][0]["theirs"], 400, "{document}");
    desk.call(&["undo", second["run"].as_str().unwrap()]).exits(0);
    assert_eq!(limit(&desk), 300);
    desk.call(&["undo", first["run"].as_str().unwrap()]).exits(0);
    assert_eq!(limit(&desk), before);
}

#[test]
fn the_parts_of_a_work_that_was_broken_off_are_undone_in_turn() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let script = desk.file(
        "parts.rhai",
        "//! In two steps.\nparam limit: int \"what\";\nparam ends: bool \"whether\";\n\
         step \"Set\" {\n  k8s::patch(\"destinationrule\", \"catalog\", #{ spec: #{ trafficPolicy: #{ connectionPool: #{ tcp: #{ maxConnections: limit } } } } });\n  wait 1s until { true };\n}\n\
         step \"Go on\" { check(\"it may go on\", ends); }\nfixed(\"done\");\n",
    );
    let run = |limit: &str, ends: &str, code: i32| {
        let args = ["run", &script, &format!("limit={limit}"), &format!("ends={ends}"), "--approve", "destinationrule"];
        desk.call(&[&args[..], &["-o", "json"]].concat()).exits(code).json()["run"].as_str().unwrap().to_owned()
    };
    let before = limit(&desk);
    let first = run("300", "false", 5);
    let second = run("400", "true", 0);
    let undone = desk.call(&["undo", &second]).exits(0).says("an earlier part of the same work");
    assert!(undone.stdout.contains(&format!("meshbook undo {first}")), "{undone}");
    assert_eq!(limit(&desk), 300);
    desk.call(&["undo", &first]).exits(0).says("everything is as before");
    assert_eq!(limit(&desk), before);
}

#[test]
fn who_may_not_write_is_told_which_permission_is_missing() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let script = desk.file("set.rhai", SET);
    let before = limit(&desk);
    let args = ["limit=300", "--context", "lab-healthy-viewer"];
    let called = desk.call(&[&["run", &script, "--approve", "destinationrule"][..], &args].concat()).exits(3);
    let called = called
        .says("patch")
        .says("destinationrules")
        .says("summit")
        .says("meshbook::cluster::forbidden")
        .says("changed  nothing");
    assert!(!called.stdout.contains("undo "), "{called}");
    desk.call(&[&["plan", &script][..], &args].concat()).says("not validated by the server");
    assert_eq!(limit(&desk), before);
}

#[test]
fn an_interrupt_takes_back_what_was_not_proved_and_a_second_run_is_kept_out_meanwhile() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let before = limit(&desk);
    let script = desk.file("wait.rhai", SET_AND_WAIT);
    let mut process = desk
        .command(&["run", &script, "--approve", "destinationrule"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut report = BufReader::new(process.stdout.take().unwrap());
    let mut seen = String::new();
    while !seen.contains("made") {
        assert!(report.read_line(&mut seen).unwrap() > 0, "it ended too early: {seen}");
    }
    assert_eq!(limit(&desk), 7);
    let other = desk.file("set.rhai", SET);
    desk.call(&["run", &other, "limit=9", "--approve", "destinationrule"]).exits(3).says("meshbook::gate::locked");
    signal(&process, "INT");
    std::io::Read::read_to_string(&mut report, &mut seen).unwrap();
    let called = Called::of(&process.wait_with_output().unwrap());
    assert_eq!(called.code, 5, "{seen}\n{called}");
    assert!(called.stderr.contains("Interrupted"), "{called}");
    assert!(seen.contains("take back") && seen.contains("Interrupted"), "{seen}");
    assert_eq!(limit(&desk), before);
}

#[test]
fn a_served_lab_ends_on_a_signal_and_takes_its_kubeconfig_with_it() {
    let mut lab = ServedLab::start("healthy");
    assert!(lab.kubeconfig.exists());
    signal(&lab.process, "TERM");
    assert_eq!(lab.process.wait().unwrap().code(), Some(0));
    assert!(!lab.kubeconfig.exists());
}

/// A Grafana outside of the cluster answers, a Kiali there is down: the configuration file says where they are.
#[test]
fn dashboards_are_where_the_configuration_file_says() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let grafana = TcpListener::bind("127.0.0.1:0").unwrap();
    let answering = grafana.local_addr().unwrap();
    // A port that was free a moment ago, and where nobody listens now.
    let silent = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let served = std::thread::spawn(move || {
        let (mut caller, _) = grafana.accept().unwrap();
        let mut asked = String::new();
        BufReader::new(&caller).read_line(&mut asked).unwrap();
        caller.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}").unwrap();
        asked
    });
    let config = desk.file(
        "config.toml",
        &format!("[context.\"lab-healthy\"]\ngrafana = {{ url = \"http://{answering}/stage\" }}\nkiali = {{ url = \"http://127.0.0.1:{silent}\" }}\n"),
    );
    let runbook = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/reference/where-are-the-dashboards.rhai");
    let called = Called::of(&desk.command(&["run", runbook]).env("MESHBOOK_CONFIG", config).output().unwrap());
    called
        .exits(1)
        .says("Prometheus and Grafana answer; Kiali does not answer; Jaeger is not there")
        .says(&format!("127.0.0.1:{silent}"));
    assert_eq!(served.join().unwrap(), "GET /stage/api/health HTTP/1.1\r\n");
}
