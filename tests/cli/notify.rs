//! `notify::`: who is told by a run, a plan, the lab and a replay.

use std::io::{Read, Write};
use std::net::TcpListener;

use super::{Called, Desk, ServedLab};

const TELLS: &str = "//! Tells people.\nstep \"Tell\" {\n  notify::page(\"requests are <refused>\");\n  notify::message(\"a <b> & c\");\n  notify::resolve();\n}\nnot_this(\"only told\");\n";

/// A service that takes so many messages; their bodies.
fn service(messages: usize) -> (String, std::thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let served = std::thread::spawn(move || {
        let one = |_| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut said = Vec::new();
            let mut bytes = [0; 4096];
            loop {
                let length = stream.read(&mut bytes).unwrap();
                said.extend_from_slice(&bytes[..length]);
                let text = String::from_utf8_lossy(&said).into_owned();
                let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
                let wanted = head
                    .lines()
                    .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
                if body.len() >= wanted.unwrap().parse().unwrap() {
                    stream
                        .write_all(b"HTTP/1.1 202 Accepted\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok")
                        .unwrap();
                    return body.to_owned();
                }
            }
        };
        (0..messages).map(one).collect()
    });
    (address, served)
}

#[test]
fn people_are_told_by_a_run_once_and_by_nothing_else() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let script = desk.file("tells.rhai", TELLS);
    let (address, served) = service(3);
    let key = desk.file("key", "0123456789abcdef0123456789abcdef");
    let hook = desk.file("hook", &format!("{address}/hook"));
    let config = desk.file(
        "config.toml",
        &format!("[context.lab-healthy]\npagerduty = {{ routing_key_file = '{key}', url = '{address}' }}\nslack.webhook_file = '{hook}'\n"),
    );
    let call = |args: &[&str]| {
        let mut command = desk.command(args);
        Called::of(&command.env("MESHBOOK_CONFIG", &config).output().unwrap())
    };
    call(&["plan", &script]).exits(0).says("not evaluated in a plan: tell PagerDuty: requests are <refused>");
    call(&["run", &script, "--lab", "healthy"])
        .exits(0)
        .says("not told to Slack, since the lab tells nobody: a <b> & c");
    // Nothing of the cluster is touched, so a run that only reads tells people too.
    let called = call(&["run", &script, "--read-only"]).exits(0).says("told PagerDuty: requests are <refused>");
    called.says("told Slack: a <b> & c").says("changed  nothing");
    call(&["run", &script, "--replay", "last"]).exits(0).says("since a replay tells nobody");

    let told: Vec<serde_json::Value> =
        served.join().unwrap().iter().map(|body| serde_json::from_str(body).unwrap()).collect();
    assert_eq!(told[0]["payload"]["summary"], "requests are <refused>");
    assert_eq!((&told[0]["event_action"], &told[0]["payload"]["severity"]), (&"trigger".into(), &"critical".into()));
    assert_eq!(told[0]["routing_key"], "0123456789abcdef0123456789abcdef");
    assert_eq!(told[1], serde_json::json!({"text": "a &lt;b&gt; &amp; c"}));
    assert_eq!((&told[2]["event_action"], &told[2]["dedup_key"]), (&"resolve".into(), &told[0]["dedup_key"]));
    for record in desk.records() {
        assert!(!std::fs::read_to_string(record).unwrap().contains("0123456789abcdef"), "the key stands in a record");
    }
}

#[test]
fn who_cannot_be_told_does_not_stop_what_catches_it() {
    let lab = ServedLab::start("healthy");
    let desk = Desk::at(&lab);
    let script = desk.file("tells.rhai", TELLS);
    desk.call(&["run", &script]).exits(4).says("PagerDuty was not told: no account is configured for this context");
    let caught = "//! Goes on.\ntry { notify::message(\"x\"); } catch (error) { show(error.code); }\nnot_this(\"it went on\");\n";
    let script = desk.file("caught.rhai", caught);
    desk.call(&["run", &script]).exits(0).says("meshbook::notify::not_told").says("it went on");
}
