//! The reviewed alert rules in a real Prometheus: each fires where the other tests broke something, and only there.
//!
//! `tests/real/prometheus` loads them as they are, and once more with spans of seconds instead of minutes, named `Quick…`.

use serde_json::Value;

use crate::cluster::Cluster;

/// The runbook that looks at them.
const ALERTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/runbooks/monitoring/alert-rules.rhai");

#[test]
#[ignore = "needs a real mesh: tests/real/run"]
fn alert_rules_fire_on_the_faults_of_the_mesh_as_told_by_prometheus() {
    let cluster = Cluster::real();
    // The tests before these have left nothing broken; what fired is in Prometheus' history.
    let fired = |rule: &str| -> Vec<Value> {
        let query = format!("count_over_time(ALERTS{{alertname=\"{rule}\",alertstate=\"firing\"}}[1h])");
        cluster.until_prometheus_answers(&query).into_iter().map(|series| series["metric"].clone()).collect()
    };
    let services = |alerts: &[Value]| -> Vec<String> {
        alerts.iter().filter_map(|alert| Some(alert["destination_service"].as_str()?.to_owned())).collect()
    };
    let errors = services(&fired("QuickHighErrorRate"));
    for namespace in ["summit-stats", "summit-logs", "summit-tls"] {
        let service = format!("graph-core.{namespace}.svc.cluster.local");
        assert!(errors.contains(&service), "{service} failed, and nobody was told: {errors:?}");
    }
    let well = "graph-core.summit-canary.svc.cluster.local";
    assert!(!errors.iter().any(|service| service == well), "{well} answered all the while: {errors:?}");
    let down = fired("QuickControlPlaneDown");
    assert!(
        !down.is_empty()
            && down.iter().all(|alert| alert["pod"].as_str().is_some_and(|pod| pod.starts_with("istiod-canary"))),
        "the istiods of revision canary were stopped, and no other: {down:?}"
    );
    // Every rule is evaluated, with the reviewed expression.
    let outcome = cluster.meshbook(&["run", ALERTS, "-n", "summit"]);
    println!("alert rules: meshbook run: {outcome}");
    let said = cluster.newest_record().said();
    assert!(!said.contains("not loaded") && !said.contains("not in order"), "{outcome}");
    for rule in ["IstioHighErrorRate", "IstioHighLatency", "IstioControlPlaneDown", "IstioCertificateExpiringSoon"] {
        assert!(outcome.stdout.contains(rule), "{rule}: {outcome}");
    }
}

/// A storm that lasts is told by the rule for slow services.
pub fn until_slow(cluster: &Cluster, service: &str) {
    cluster.until_prometheus_answers(&format!(
        "ALERTS{{alertname=\"QuickHighLatency\",alertstate=\"firing\",destination_service=\"{service}\"}}"
    ));
}
