//! A second cluster is read, and never changed.

use std::sync::Arc;
use std::time::Duration;

use futures::future::BoxFuture;
use serde_json::{Value, json};

use crate::effect::{Call, Effect, Reply};
use crate::failure::{DENIED, Exit, Failure, PARAM, PLAN_ENDS, PROOF};
use crate::record::event::{Event, ProofOutcome};
use crate::run::fake::{Bench, Cluster, rule};
use crate::run::{Answer, Mode, Second};
use crate::transport::Transport;

/// Another cluster, in another place.
struct West(Cluster);

impl Transport for West {
    fn call<'a>(&'a self, call: &'a Call) -> BoxFuture<'a, Result<Reply, Failure>> {
        self.0.call(call)
    }

    fn place(&self) -> (String, String) {
        ("west".into(), "https://127.0.0.1:2".into())
    }
}

/// A bench whose run reads the cluster of another bench too.
fn beside(other: &Bench) -> Bench {
    let mut bench = Bench::new();
    bench.settings.second =
        Some(Second { transport: Arc::new(West(other.cluster.clone())), namespace: "summit".into() });
    bench
}

/// The time of a bench's cluster, in milliseconds.
fn now(bench: &Bench) -> i64 {
    match bench.runtime.block_on(bench.cluster.call(&Call::Now)) {
        Ok(Reply::Time(now)) => now.as_millisecond(),
        other => panic!("a time, not {other:?}"),
    }
}

fn host(reply: Reply) -> Value {
    match reply {
        Reply::Json(object) => object["spec"]["host"].clone(),
        other => panic!("an object, not {other:?}"),
    }
}

#[test]
fn each_view_reads_its_own_cluster_and_the_record_says_which() {
    let other = Bench::new();
    other.cluster.put(&rule("graph-core"), json!({ "spec": { "host": "there" } }));
    let bench = beside(&other);
    let run = bench.start();
    let read = || Effect::get(rule("graph-core"));
    assert_eq!(host(run.read(read()).unwrap()), "graph-core");
    assert_eq!(host(run.second().unwrap().read(read()).unwrap()), "there");
    let events = bench.seen.events();
    let asked: Vec<_> = events
        .iter()
        .filter_map(|event| if let Event::Looked { beside, .. } = event { Some(beside.as_deref()) } else { None })
        .collect();
    assert_eq!(asked, [None, Some("west")]);
    let Event::Started(started) = &events[0] else { panic!("the first event is the start") };
    assert_eq!(started.second.as_ref().map(|there| there.context.as_str()), Some("west"));
}

#[test]
fn nothing_that_could_change_something_is_sent_there() {
    let other = Bench::new();
    let bench = beside(&other);
    let run = bench.start();
    let view = run.second().unwrap();
    let change = other.raise("graph-core", 9);
    let refused = view.change(change).unwrap_err();
    assert!(refused.is(&DENIED), "{refused:?}");
    // Below the gate too: whatever a later primitive asks for.
    let object = rule("graph-core");
    let transport = &view.caller.transport;
    for call in [
        Call::Patch { object: object.clone(), patch: json!({}), dry_run: true },
        Call::Create { object: object.clone(), content: json!({}), dry_run: false },
        Call::Delete { object: object.clone(), uid: "1".into(), resource_version: None, dry_run: false },
        Call::Apply { object: object.clone(), configuration: json!({}), force: false, dry_run: false },
        Call::TryCreate { kind: object.kind.clone(), namespace: None, object: json!({}) },
        Call::Exec { pod: object.clone(), container: "c".into(), command: Vec::new(), within: Duration::ZERO },
    ] {
        let refused = bench.runtime.block_on(transport.call(&call)).unwrap_err();
        assert!(refused.is(&DENIED) && refused.message.contains("only read"), "{call:?}: {refused:?}");
    }
    let sent = other.cluster.lock().calls.clone();
    assert!(sent.is_empty(), "{sent:?}");
}

#[test]
fn a_run_does_not_start_with_its_own_cluster_as_the_second_one() {
    let mut bench = Bench::new();
    bench.settings.second = Some(Second { transport: Arc::new(bench.cluster.clone()), namespace: "summit".into() });
    let refused = bench.try_start().map(drop).unwrap_err();
    assert!(refused.is(&PARAM) && refused.message.contains("the same"), "{refused:?}");
    assert!(Bench::new().start().second().is_err_and(|failure| failure.is(&PARAM)));
}

#[test]
fn time_passes_in_both() {
    let other = Bench::new();
    let bench = beside(&other);
    let run = bench.start();
    let then = (now(&bench), now(&other));
    run.second().unwrap().sleep(Duration::from_secs(30)).unwrap();
    assert_eq!((now(&bench) - then.0, now(&other) - then.1), (30_000, 30_000));
}

#[test]
fn what_a_person_has_done_stays_behind_unless_it_is_proved() {
    let end = |proved: bool| {
        let bench = Bench::asking(&[Answer::Yes]);
        let run = bench.start();
        let step = run.step_started("move").unwrap();
        run.confirm("move the name").unwrap();
        if proved {
            run.proved("wait", "true", ProofOutcome::Passed, None, Duration::ZERO);
        }
        run.step_ended(step, proved);
        run.finish(Err(Failure::new(&PROOF, "it does not answer")))
    };
    let (left, kept) = (end(false), end(true));
    assert_eq!((left.exit, kept.exit), (Exit::Dirty, Exit::TakenBack));
    assert!(left.hint.as_deref().is_some_and(|hint| hint.contains("move the name")), "{left:?}");
}

#[test]
fn a_person_is_asked_and_nobody_is_not() {
    assert!(Bench::asking(&[Answer::Yes]).start().confirm("move the name").is_ok());
    let no = Bench::asking(&[Answer::No]).start().confirm("move the name").unwrap_err();
    assert!(no.is(&DENIED) && no.message.ends_with(": move the name"), "{no:?}");
    let nobody = Bench::new().start().confirm("move the name").unwrap_err();
    assert!(nobody.is(&DENIED) && nobody.hint.is_some_and(|hint| hint.contains("run this again")));
    let mut bench = Bench::new();
    bench.settings.mode = Mode::Plan;
    assert!(bench.start().confirm("move the name").unwrap_err().is(&PLAN_ENDS));
}
