//! What comes after an installation, with pods that are replaced: a service that joins the mesh and then answers through real
//! sidecars, new certificates by a restart, new limits and routes in real Envoys under load, policies added where they are missing,
//! statistics switched on. By `configure`, `add_missing` and `export_statistics`, which are undone as well, `restart` and `request`, which cannot be.

use serde_json::Value;

use crate::cluster::Cluster;
use crate::kept::{Kept, apply};
use crate::load::{Load, Pace};

const ONBOARD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/day2/onboard-service.rhai");
const CERTIFICATES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/day2/certificates.rhai");
const DESTINATION_RULE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/day2/update-destination-rule.rhai");
const VIRTUAL_SERVICE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/day2/update-virtual-service.rhai");
const OVERVIEW: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/reference/proxy-overview.rhai");

const POLICIES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/installation/traffic-policies.rhai");
const EVIDENCE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/reference/enable-evidence.rhai");

/// Every request of a namespace is traced.
const TRACED: &str = "
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: traced, namespace: summit-joins}
spec: {tracing: [{providers: [{name: jaeger}], randomSamplingPercentage: 100}]}
";

/// What somebody has decided already.
const BALANCED: &str = "
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: graph-core, namespace: summit-policies}
spec:
  host: graph-core
  trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}
";

/// Few callers, for as long as a test may take.
const PACE: Pace = Pace { callers: 4, pause: 50, seconds: 900 };

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn a_service_joins_answers_through_real_sidecars_and_gets_new_certificates_by_prometheus() {
    let real = Cluster::real();
    let kept = Kept::new(&real, "summit-joins", "owner: summit");
    apply(&real, TRACED);
    let onboard = || {
        let kinds = "namespace,destinationrule,virtualservice,pod";
        let args = ["run", ONBOARD, "service=graph-core", "caller=front", "routing=true", "-n", kept.namespace];
        real.meshbook(&[&args[..], &["--approve", kinds]].concat())
    };
    let labelled = onboard();
    println!("{labelled}");
    let record = real.newest_record();
    assert_eq!((labelled.code, record.ending(), record.changed()), (1, "found", vec!["summit-joins"]), "{labelled}");
    assert!(record.said().contains("no sidecar"), "pods that run stay as they are: {labelled}");

    real.kubectl(&["rollout", "restart", "deploy", "-n", kept.namespace]).ok();
    kept.until_rolled_out();
    let load = Load::on(&real, kept.namespace, "graph-core", PACE, 400);
    let joined = onboard();
    println!("{joined}");
    let record = real.newest_record();
    assert_eq!((joined.code, record.ending()), (0, "fixed"), "{joined}");
    let changed = record.changed();
    assert!(
        changed.starts_with(&["graph-core", "graph-core"]) && changed.len() == 3,
        "two rules and a pod: {changed:?}"
    );
    assert!(joined.stdout.contains("200"), "a caller of the mesh is answered: {joined}");
    let again = onboard();
    let record = real.newest_record();
    assert_eq!((again.code, record.ending()), (0, "fixed"), "{again}");
    assert!(
        record.changed().iter().all(|name| name.contains("request")),
        "nothing is made twice: {:?}",
        record.changed()
    );

    // A restart cannot be taken back, so that the object has to be named.
    let certificates = ["run", CERTIFICATES, "workload=graph-core", "rotate=true", "-n", kept.namespace, "--approve"];
    let refused = real.meshbook(&[&certificates[..], &["deployment"]].concat());
    assert_eq!(refused.code, 3, "{refused}");
    let rotated = real.meshbook(&[&certificates[..], &["deployment/graph-core"]].concat());
    println!("{rotated}");
    assert_eq!((rotated.code, real.newest_record().ending()), (0, "fixed"), "{rotated}");
    let answers = load.stop();
    println!("through all of it: {answers:?}");
    assert!(answers.failed() * 1000 <= answers.ok, "{answers:?}");
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn new_limits_and_routes_are_proved_in_real_envoys_or_taken_back() {
    let real = Cluster::real();
    let kept = Kept::new(&real, "summit-rules", "istio-injection: enabled");
    let load = Load::on(&real, kept.namespace, "graph-core", PACE, 400);
    let rule = |kind: &str| real.find(kept.namespace, kind, "graph-core");

    let routes = ["run", VIRTUAL_SERVICE, "service=graph-core", "caller=front", "-n", kept.namespace];
    let routes = || real.meshbook(&[&routes[..], &["--approve", "virtualservice,pod"]].concat());
    // The file's route for the canary leads to a subset that no rule defines yet.
    let undefined = routes();
    println!("{undefined}");
    assert_eq!((undefined.code, real.newest_record().changed().len()), (3, 0), "{undefined}");

    let limits = ["run", DESTINATION_RULE, "service=graph-core", "-n", kept.namespace, "--approve", "destinationrule"];
    let limited = real.meshbook(&limits);
    println!("{limited}");
    assert_eq!((limited.code, real.newest_record().ending()), (0, "fixed"), "{limited}");
    assert!(limited.stdout.contains("max_connections"), "what changed in Envoy is shown: {limited}");
    let again = real.meshbook(&limits);
    assert_eq!((again.code, real.newest_record().ending()), (0, "not_this"), "{again}");

    let define = |version: &str| {
        let subset = format!(r#"{{"spec":{{"subsets":[{{"name":"v1","labels":{{"version":"{version}"}}}}]}}}}"#);
        let patch = ["patch", "destinationrule", "graph-core", "-n", kept.namespace, "--type=merge", "-p", &subset];
        real.kubectl(&patch).ok();
    };
    // One that no pod belongs to: Envoy has the route, and answers 503.
    define("nobody");
    let nowhere = routes();
    println!("{nowhere}");
    assert_eq!(nowhere.code, 5, "{nowhere}");
    assert_eq!(rule("virtualservice"), Value::Null, "what was not proved is taken back: {nowhere}");
    define("v1");
    let routed = routes();
    println!("{routed}");
    let record = real.newest_record();
    assert_eq!((routed.code, record.ending()), (0, "fixed"), "{routed}");
    let answers = load.stop();
    println!("through all of it: {answers:?}");
    assert!(answers.failed() * 1000 <= answers.ok, "{answers:?}");

    real.meshbook(&["undo", &record.run]).ok();
    assert_eq!(rule("virtualservice"), Value::Null, "it was made by the run");

    let overview = real.meshbook(&["run", OVERVIEW, "workload=graph-core", "-n", kept.namespace]);
    println!("{overview}");
    assert_eq!((overview.code, real.newest_record().ending()), (0, "not_this"), "{overview}");
}

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn policies_that_are_missing_are_added_and_statistics_speak_by_prometheus() {
    let real = Cluster::real();
    // A caller that calls again from a pod that takes its place.
    let applications = ("backend", "caller http://graph-core:8080/");
    let served = Kept::running(&real, "summit-policies", "istio-injection: enabled", applications);
    // After it, so that their pods know its name.
    let callers = Kept::new(&real, "summit-calls", "istio-injection: enabled");
    let load = Load::between(&real, (callers.namespace, served.namespace), "graph-core", PACE, 400);
    apply(&real, BALANCED);
    let rule = || real.object(served.namespace, "destinationrule", "graph-core")["spec"].clone();
    let before = rule();
    let policies = ["run", POLICIES, "service=graph-core", "-n", served.namespace, "--approve"];
    let policies = || real.meshbook(&[&policies[..], &["destinationrule,virtualservice"]].concat());
    let added = policies();
    println!("{added}");
    let record = real.newest_record();
    assert_eq!((added.code, record.ending()), (0, "fixed"), "{added}");
    assert_eq!(rule()["trafficPolicy"]["loadBalancer"], before["trafficPolicy"]["loadBalancer"], "it stays: {added}");
    let again = policies();
    assert_eq!((again.code, real.newest_record().ending()), (0, "not_this"), "{again}");
    let answers = load.stop();
    println!("through all of it: {answers:?}");
    assert!(answers.failed() * 1000 <= answers.ok, "{answers:?}");
    real.meshbook(&["undo", &record.run]).ok();
    assert_eq!(rule(), before);
    assert_eq!(real.find(served.namespace, "virtualservice", "graph-core"), Value::Null, "the run has made it");

    let evidence = ["run", EVIDENCE, "service=graph-core", "workload=front", "statistics=true", "-n", served.namespace];
    let evidence = || real.meshbook(&[&evidence[..], &["--approve", "deployment"]].concat());
    let switched = evidence();
    println!("{switched}");
    let record = real.newest_record();
    assert_eq!((switched.code, record.ending()), (0, "fixed"), "{switched}");
    real.meshbook(&["undo", &record.run]).ok();
    let template = real.object(served.namespace, "deployment", "front")["spec"]["template"]["metadata"].clone();
    assert_eq!(template["annotations"]["proxy.istio.io/config"], Value::Null, "{template}");
}
