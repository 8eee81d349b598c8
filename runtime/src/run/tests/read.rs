//! Reads: order, budget, stops, what the record keeps.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::effect::{Call, Class, Effect, ObjectRef, PodRequest, Reply, ResourceKind};
use crate::failure::{BUDGET, DEADLINE, DENIED, Exit, INTERNAL, INTERRUPTED, NOT_FOUND, PLAN_ENDS};
use crate::gate::Budget;
use crate::record::event::Event;
use crate::run::fake::{Bench, rule};
use crate::run::{Mode, Settings};

fn pod(method: &str, class: Class) -> Effect {
    let request = PodRequest {
        namespace: "summit".into(),
        pod: "front-1".into(),
        port: 15000,
        method: method.into(),
        path: "/stats".into(),
        body: String::new(),
    };
    Effect { class, target: "Pod summit/front-1".into(), summary: "stats".into(), call: Call::Pod(request) }
}

#[test]
fn answers_keep_their_order_and_one_failure_does_not_fail_the_others() {
    let bench = Bench::new();
    bench.cluster.put(&rule("b"), json!({}));
    let run = bench.start();
    let answers =
        run.read_all(vec![Effect::get(rule("b")), Effect::get(rule("absent")), Effect::get(rule("graph-core"))]);
    let name = |answer: &Result<Reply, _>| match answer {
        Ok(Reply::Json(object)) => object["metadata"]["name"].as_str().map(str::to_owned),
        _ => None,
    };
    assert_eq!(answers.iter().map(name).collect::<Vec<_>>(), [Some("b".into()), None, Some("graph-core".into())]);
    assert!(answers[1].as_ref().unwrap_err().is(&NOT_FOUND));
    let ordinals: Vec<_> = bench
        .seen
        .events()
        .into_iter()
        .filter_map(|event| if let Event::Looked { ordinal, .. } = event { Some(ordinal) } else { None })
        .collect();
    assert_eq!(ordinals, [(0, 0), (0, 1), (0, 2)]);
}

fn exec(class: Class) -> Effect {
    let call = Call::Exec {
        pod: ObjectRef::new(ResourceKind::namespaced("", "v1", "Pod", "pods"), "summit", "front-1"),
        container: "app".into(),
        command: vec!["curl".into(), "http://a/".into()],
        within: Duration::from_secs(1),
    };
    Effect { class, target: "Pod summit/front-1".into(), summary: "execute curl".into(), call }
}

#[test]
fn a_command_is_executed_only_where_the_run_allows_it() {
    let executed = |bench: &Bench| bench.cluster.lock().calls.iter().any(|call| matches!(call, Call::Exec { .. }));
    let bench = Bench::new();
    let refused = bench.start().read(exec(Class::Probe)).unwrap_err();
    assert!(refused.is(&DENIED) && !executed(&bench), "{refused:?}");
    let hint = refused.hint.unwrap();
    assert!(hint.contains("--allow-exec") && hint.contains("curl http://a/"), "{hint}");

    let allowed = |change: fn(&mut Settings)| {
        let mut bench = Bench::new();
        bench.settings.allow_exec = true;
        change(&mut bench.settings);
        bench
    };
    let bench = allowed(|_| ());
    bench.start().read(exec(Class::Probe)).unwrap();
    assert!(executed(&bench));
    for (change, class, code) in [
        ((|settings| settings.read_only = true) as fn(&mut Settings), Class::Probe, &DENIED),
        (|settings| settings.mode = Mode::Plan, Class::Probe, &PLAN_ENDS),
        (|_| (), Class::Read, &INTERNAL),
    ] {
        let bench = allowed(change);
        let refused = bench.start().read(exec(class)).unwrap_err();
        assert!(refused.is(code) && !executed(&bench), "{refused:?}");
    }
}

#[test]
fn the_budget_is_kept_and_cannot_be_caught() {
    let mut bench = Bench::new();
    bench.settings.budget = Budget { reads: 2, in_flight: 16 };
    let run = bench.start();
    run.now().unwrap();
    let answers = run.read_all(vec![Effect::get(rule("graph-core")); 3]);
    assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 2);
    assert!(answers[2].as_ref().unwrap_err().is(&BUDGET));
    assert!(run.stopped());
    assert_eq!(run.finish(Ok(())).exit, Exit::Refused);
}

#[test]
fn an_interrupt_ends_a_read_that_hangs_at_once() {
    let mut bench = Bench::new();
    bench.cluster.hangs = true;
    let run = bench.start();
    let cancel = bench.cancel.clone();
    let canceller = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(50));
        cancel.cancel();
        Instant::now()
    });
    let failure = run.read(pod("GET", Class::Read)).unwrap_err();
    let late = canceller.join().unwrap().elapsed();
    assert!(failure.is(&INTERRUPTED), "{failure}");
    assert!(late < Duration::from_secs(2), "{late:?}");
    assert!(run.now().unwrap_err().is(&INTERRUPTED), "nothing more is read");
    assert_eq!(run.finish(Ok(())).exit, Exit::Interrupted);
}

#[test]
fn the_deadline_ends_a_read_that_hangs_and_a_sleep_that_is_too_long() {
    let mut bench = Bench::new();
    bench.cluster.hangs = true;
    bench.settings.deadline = Some(Duration::from_millis(50));
    let run = bench.start();
    assert!(run.read(pod("GET", Class::Read)).unwrap_err().is(&DEADLINE));

    bench.settings.deadline = Some(Duration::from_secs(600));
    let run = bench.start();
    assert!(run.sleep(Duration::from_secs(3600)).unwrap_err().is(&DEADLINE));
    let ended = run.finish(Ok(()));
    assert_eq!((ended.exit, ended.took), (Exit::Deadline, Duration::from_secs(600)));
}

#[test]
fn a_read_cannot_change_anything() {
    let bench = Bench::new();
    let patch = Call::Patch { object: rule("graph-core"), patch: json!({}), dry_run: false };
    let effects = [
        Effect { class: Class::Read, target: "x".into(), summary: "patch".into(), call: patch.clone() },
        Effect { class: Class::Change, target: "x".into(), summary: "patch".into(), call: patch },
        pod("POST", Class::Read),
    ];
    for effect in effects {
        let run = bench.start();
        assert!(run.read(effect).unwrap_err().is(&INTERNAL));
        assert!(run.stopped());
    }
    assert!(bench.cluster.lock().calls.is_empty());
    let mut bench = Bench::new();
    bench.settings.read_only = true;
    assert!(bench.start().read(pod("POST", Class::Probe)).unwrap_err().is(&DENIED));
}

#[test]
fn a_library_keeps_one_value_for_each_type() {
    let bench = Bench::new();
    let run = bench.start();
    *run.kept::<std::sync::Mutex<Vec<u8>>>().lock().unwrap() = vec![1];
    assert_eq!(*run.kept::<std::sync::Mutex<Vec<u8>>>().lock().unwrap(), [1]);
    assert_eq!(*run.kept::<std::sync::Mutex<String>>().lock().unwrap(), "");
}

#[test]
fn secrets_reach_neither_record_nor_report() {
    let mut bench = Bench::new();
    bench.settings.params.insert("api-key".into(), json!("hunter2-param"));
    bench.cluster.put(&rule("x"), json!({ "spec": { "env": [{ "name": "DB_PASSWORD", "value": "hunter2-env" }], "url": "postgres://u:hunter2-url@db/x" } }));
    let run = bench.start();
    run.read(Effect::get(rule("x"))).unwrap();
    run.warn("Authorization: Bearer hunter2-bearer-token");
    run.finish(Ok(()));
    let path = std::fs::read_dir(bench.settings.home.join("runs")).unwrap().next().unwrap().unwrap().path();
    let record = std::fs::read_to_string(path).unwrap();
    assert!(!record.contains("hunter2"), "{record}");
    assert!(!format!("{:?}", bench.seen.events()).contains("hunter2"));
}
