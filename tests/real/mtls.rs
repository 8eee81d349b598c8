//! Scenario 3: servers that take mutual TLS alone, and callers that send something else: by a rule that says DISABLE, by one
//! that says SIMPLE, and for want of a sidecar.

use std::thread;

use crate::cluster::{Cluster, assert_same};
use crate::load::{Load, Pace, in_pod, log, pods};

/// The runbook of Scenario 3.
pub const MTLS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/troubleshooting/mtls.rhai");
/// Where `app/tls.yaml` is applied. Its two rules are for two Services over the same pods.
const NAMESPACE: &str = "summit-tls";
/// How the caller's Envoy says that a server closed the connection, and that a certificate was none of the host's.
const REFUSED: &[(&str, &str)] = &[("graph-core", " 503 UC "), ("ledger", "CERTIFICATE_VERIFY_FAILED")];

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn mutual_tls_comes_back_where_a_rule_kept_callers_from_it_and_not_for_a_caller_without_a_sidecar() {
    // Both rules at once; what they leave is the mesh in which only the caller without a sidecar fails.
    let runs = thread::scope(|scope| {
        let cured: Vec<_> = REFUSED.iter().map(|(service, flag)| scope.spawn(|| cured(service, flag))).collect();
        cured.into_iter().map(|thread| thread.join().expect("it has said why")).collect::<Vec<_>>()
    });
    plaintext_caller();
    for ((service, _), (cluster, run, before)) in REFUSED.iter().zip(runs) {
        let undone = cluster.meshbook(&["undo", &run]);
        assert_eq!(undone.code, 0, "{undone}");
        let after = cluster.object(NAMESPACE, "destinationrule", service);
        assert_same(&before, &after, "undo leaves spec, labels, annotations and managedFields as they were");
    }
}

/// Cures one Service by `remove_tls`, and tells the run with which it was done and the rule as it was before.
fn cured(service: &str, refused: &str) -> (Cluster, String, serde_json::Value) {
    let cluster = Cluster::real();
    let front = pods(&cluster, NAMESPACE, "front").remove(0);
    let server = pods(&cluster, NAMESPACE, "graph-core").remove(0);
    let before = cluster.object(NAMESPACE, "destinationrule", service);
    let load = Load::on(&cluster, NAMESPACE, service, Pace { callers: 4, pause: 50, seconds: 900 }, 100);
    let host = format!("{service}.{NAMESPACE}:8080");
    let failed = log(&cluster, &front).lines().filter(|line| line.contains(&host) && line.contains(refused)).count();
    assert!(failed > 50, "{front} has {failed} lines about {service} with {refused}");
    // A server learns the name that its caller asks for in a TLS handshake and in no other way.
    let sni = format!("outbound_.8080_._.{service}.{NAMESPACE}.svc.cluster.local");
    let shaken = || log(&cluster, &server).lines().filter(|line| line.contains(&sni) && line.contains(" 200 ")).count();
    assert_eq!(shaken(), 0, "{service} cannot have been reached by mutual TLS");

    let outcome = cluster.meshbook(&[
        "run",
        MTLS,
        &format!("service={service}"),
        "-n",
        NAMESPACE,
        "--approve",
        "destinationrule",
    ]);
    println!("{service}: meshbook run: {outcome}");
    assert_eq!(outcome.code, 0, "{outcome}");
    let record = cluster.newest_record();
    assert_eq!(record.ending(), "fixed", "{outcome}");
    assert_eq!(record.changed(), [service], "exactly one object is changed");
    let policy = &cluster.object(NAMESPACE, "destinationrule", service)["spec"]["trafficPolicy"];
    assert_eq!(
        policy,
        &serde_json::json!({"connectionPool": {"tcp": {"maxConnections": 200}}}),
        "only the tls part goes"
    );
    assert!(shaken() > 50, "{service}: {server} has logged {} requests by mutual TLS", shaken());
    load.stop();
    let clean = Load::on(&cluster, NAMESPACE, service, Pace { callers: 4, pause: 50, seconds: 2 }, 20).wait();
    assert!(clean.ok > 50 && clean.failed() == 0, "the load does not run clean: {clean:?}");
    (cluster, record.run, before)
}

fn plaintext_caller() {
    let cluster = Cluster::real();
    let legacy = pods(&cluster, NAMESPACE, "legacy").remove(0);
    let server = pods(&cluster, NAMESPACE, "graph-core").remove(0);
    let address = cluster.object(NAMESPACE, "pod", &server)["status"]["podIP"].as_str().unwrap_or_default().to_owned();
    for _ in 0..10 {
        let url = format!("http://{address}:8080/");
        let answer =
            in_pod(&cluster, &legacy, "curl").args(["-sS", "-m", "5", &url]).output().expect("curl can be started");
        assert!(!answer.status.success(), "plain text must be refused under STRICT: {answer:?}");
    }
    let kinds = ["peerauthentication/default", "destinationrule/graph-core", "destinationrule/ledger"];
    let objects = || {
        let object = |name: &&str| name.split_once('/').map(|(kind, name)| cluster.object(NAMESPACE, kind, name));
        kinds.iter().filter_map(object).collect::<Vec<_>>()
    };
    let before = objects();
    let outcome =
        cluster.meshbook(&["run", MTLS, "service=graph-core", "-n", NAMESPACE, "--approve", "destinationrule"]);
    println!("plaintext caller: meshbook run: {outcome}");
    assert_eq!(outcome.code, 1, "{outcome}");
    let record = cluster.newest_record();
    assert_eq!(record.ending(), "found", "{outcome}");
    for said in ["plaintext caller under STRICT", "legacy.summit-tls"] {
        assert!(outcome.stdout.contains(said), "the report does not say `{said}`: {outcome}");
    }
    assert!(record.changed().is_empty() && objects() == before, "nothing is changed");
}
