//! The memory of sidecars has a cause, the kernel kills what exceeds its limit, and only its own cure heals it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod mesh;

use mesh::Bench;
use meshbook_lab::World;
use serde_json::{Value, json};

const WORKING_SET: &str = "container_memory_working_set_bytes{container=\"istio-proxy\",pod=~\"graph-core-.*\"}";
const MIB: f64 = 1_048_576.0;

fn pods(bench: &Bench) -> Vec<Value> {
    let all = bench.store.list("", "pods", Some("summit"));
    all.iter().filter(|pod| pod["metadata"]["labels"]["app"] == "graph-core").map(|pod| (**pod).clone()).collect()
}

fn sidecar<'a>(pod: &'a Value, list: &str) -> &'a Value {
    let all = pod.pointer(list).and_then(Value::as_array).into_iter().flatten();
    all.into_iter().find(|one| one["name"] == "istio-proxy").unwrap_or(&Value::Null)
}

async fn allocated(bench: &Bench, pod: &str) -> f64 {
    let page = bench.json("summit", pod, 15000, "/memory").await;
    page["allocated"].as_str().unwrap().parse().unwrap()
}

#[tokio::test]
async fn a_low_limit_kills_at_each_burst_and_the_pod_is_not_ready_meanwhile() {
    let bench = Bench::named("memory-low-limit");
    let killed = pods(&bench);
    for pod in &killed {
        let status = sidecar(pod, "/status/initContainerStatuses");
        assert_eq!(status["lastState"]["terminated"]["reason"], "OOMKilled", "{status}");
        assert_eq!(status["lastState"]["terminated"]["exitCode"], 137);
        assert!(status["restartCount"].as_u64().unwrap() >= 2, "{status}");
        let ready = pod["status"]["conditions"].as_array().unwrap().iter().find(|c| c["type"] == "Ready").unwrap();
        assert_eq!(ready["status"] == "True", status["ready"] == true, "its pod is as ready as it is");
    }
    let most = bench.sum(&format!("max(max_over_time({WORKING_SET}[30m]))")).await;
    assert!(most < 56.0 * MIB, "no container is seen above its limit: {most}");
}

#[tokio::test]
async fn classic_sidecars_are_killed_as_containers() {
    let bench = Bench::new(World::named("memory-low-limit").unwrap().set("cluster.native_sidecars", false).unwrap());
    let pod = &pods(&bench)[0];
    assert_eq!(sidecar(pod, "/status/containerStatuses")["lastState"]["terminated"]["reason"], "OOMKilled");
    assert!(sidecar(pod, "/status/initContainerStatuses").is_null());
}

#[tokio::test]
async fn annotations_take_effect_by_a_rollout_and_end_the_kills() {
    let bench = Bench::named("memory-low-limit");
    let mut deployment = (*bench.store.get("apps", "deployments", "summit", "graph-core").unwrap()).clone();
    deployment["spec"]["template"]["metadata"]["annotations"]["sidecar.istio.io/proxyMemoryLimit"] = json!("128Mi");
    bench.store.put(deployment, "test");
    bench.advance(60);
    for pod in pods(&bench) {
        let resources = &sidecar(&pod, "/spec/initContainers")["resources"];
        assert_eq!(resources["limits"], json!({ "memory": "128Mi" }), "one annotation discards all defaults");
        assert_eq!(resources["requests"], json!({ "memory": "40Mi" }));
    }
    bench.advance(1200);
    for pod in pods(&bench) {
        assert_eq!(sidecar(&pod, "/status/initContainerStatuses")["restartCount"], 0);
    }
    let most = bench.sum(&format!("max({WORKING_SET})")).await;
    assert!((60.0 * MIB..70.0 * MIB).contains(&most), "the bursts have filled it: {most}");
}

#[tokio::test]
async fn a_leak_grows_at_its_pace_while_nothing_else_does() {
    let bench = Bench::named("memory-leak");
    let slope = bench.sum(&format!("max(deriv({WORKING_SET}[20m]))")).await * 60.0;
    assert!((0.9 * MIB..1.1 * MIB).contains(&slope), "a mebibyte a minute, not {slope}");
    for steady in ["envoy_cluster_manager_active_clusters", "envoy_server_total_connections"] {
        let change = bench.sum(&format!("max(abs(delta({steady}{{pod=~\"graph-core-.*\"}}[20m])))")).await;
        assert!(change <= 1.0, "{steady} changes by {change}");
    }
}

#[tokio::test]
async fn a_sidecar_resource_shrinks_what_a_proxy_is_told_and_what_it_allocates() {
    let bench = Bench::named("memory-configuration-size");
    let pod = bench.pods("summit", "graph-core").remove(0);
    let (other, before) = (bench.pods("summit", "catalog").remove(0), allocated(&bench, &pod).await);
    let physical = bench.sum(&format!("max({WORKING_SET})")).await;
    assert!(before > 40e6, "{before}");
    bench.store.put(
        json!({
            "apiVersion": "networking.istio.io/v1", "kind": "Sidecar", "metadata": { "name": "graph-core", "namespace": "summit" },
            "spec": { "workloadSelector": { "labels": { "app": "graph-core" } },
                "egress": [{ "hosts": ["summit/store.summit.svc.cluster.local", "summit/catalog.summit.svc.cluster.local", "istio-system/*"] }] },
        }),
        "test",
    );
    bench.advance(30);
    let after = allocated(&bench, &pod).await;
    assert!(after < 12e6, "{after}");
    assert!(allocated(&bench, &other).await > 40e6, "only those that it selects");
    let dump = bench.get("summit", &pod, 15000, "/config_dump?resource=dynamic_active_clusters").await;
    assert!(dump.contains("store.summit.svc.cluster.local") && !dump.contains("stub-1."), "only what is kept is there");
    let now = bench.sum(&format!("max({WORKING_SET})")).await;
    assert!((now - physical).abs() < MIB, "what Envoy frees it keeps: {now}");
    // Requests go on by what is kept.
    let failed = bench.sum("sum(increase(istio_requests_total{source_workload=\"graph-core\",response_code=~\"5..|0\"}[1m])) or vector(0)").await;
    assert!(failed < 0.5, "{failed}");
}

#[tokio::test]
async fn an_injector_that_sets_the_limit_takes_no_notice_of_annotations() {
    let bench = Bench::named("memory-limit-in-vain");
    let mut deployment = (*bench.store.get("apps", "deployments", "summit", "graph-core").unwrap()).clone();
    deployment["spec"]["template"]["metadata"]["annotations"] = json!({ "sidecar.istio.io/proxyMemoryLimit": "1Gi" });
    bench.store.put(deployment, "test");
    bench.advance(60);
    for pod in pods(&bench) {
        assert_eq!(sidecar(&pod, "/spec/initContainers")["resources"]["limits"]["memory"], "60Mi");
    }
}
