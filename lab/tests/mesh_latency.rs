//! Latency has a cause, the figures follow from it by arithmetic, and only its own cure heals it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod mesh;

use mesh::Bench;
use meshbook_lab::World;

const HOST: &str = "destination_service=\"graph-core.summit.svc.cluster.local\"";

async fn p95(bench: &Bench) -> f64 {
    let query = format!(
        "histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{{reporter=\"source\",{HOST}}}[1m])))"
    );
    bench.sum(&query).await / 1000.0
}

/// Mean seconds, as one side timed them.
async fn mean(bench: &Bench, side: &str, selector: &str) -> f64 {
    let rate = |part: &str| {
        format!("sum(rate(istio_request_duration_milliseconds_{part}{{reporter=\"{side}\",{selector}}}[1m]))")
    };
    bench.sum(&rate("sum")).await / bench.sum(&rate("count")).await / 1000.0
}

async fn rate(bench: &Bench, side: &str) -> f64 {
    bench.sum(&format!("sum(rate(istio_requests_total{{reporter=\"{side}\",{HOST}}}[1m]))")).await
}

fn patch(bench: &Bench, group: &str, plural: &str, name: &str, pointer: &str, value: serde_json::Value) {
    let mut object = (*bench.store.get(group, plural, "summit", name).unwrap()).clone();
    *object.pointer_mut(pointer).unwrap() = value;
    bench.store.put(object, "test");
}

#[tokio::test]
async fn a_slow_dependency_is_part_of_the_answer() {
    let bench = Bench::named("latency-slow-dependency");
    let (whole, store) = (
        mean(&bench, "source", HOST).await,
        mean(&bench, "source", "source_workload=\"graph-core\",destination_service_name=\"store\"").await,
    );
    assert!((2.9..3.2).contains(&store), "{store}");
    assert!((whole - store - 0.05).abs() < 0.03, "own work and catalog come besides: {whole} of it {store}");
    assert!(p95(&bench).await > 2.0);
    let asked = bench.sum("sum(rate(istio_requests_total{reporter=\"source\",source_workload=\"graph-core\",destination_service_name=\"store\"}[1m]))").await;
    assert!((asked - rate(&bench, "destination").await).abs() < 0.5, "one for each: {asked}");
}

#[tokio::test]
async fn a_retry_storm_feeds_itself_until_there_are_fewer_attempts() {
    let bench = Bench::named("latency-retry-storm");
    bench.advance(120);
    assert!(p95(&bench).await > 2.0, "it does not pass by itself");
    let attempts = rate(&bench, "destination").await / rate(&bench, "source").await;
    assert!((8.5..9.1).contains(&attempts), "{attempts}");
    // A longer timeout does not heal it.
    patch(&bench, "networking.istio.io", "virtualservices", "graph-core", "/spec/http/1/timeout", "60s".into());
    bench.advance(120);
    assert!(p95(&bench).await > 2.0, "{}", p95(&bench).await);
    patch(&bench, "networking.istio.io", "virtualservices", "graph-core", "/spec/http/1/retries/attempts", 1.into());
    bench.advance(120);
    assert!(p95(&bench).await < 0.5, "{}", p95(&bench).await);
    let attempts = rate(&bench, "destination").await / rate(&bench, "source").await;
    assert!((0.99..1.02).contains(&attempts), "{attempts}");
}

#[tokio::test]
async fn a_pool_without_a_limit_on_waiting_delays_and_refuses_nobody() {
    let bench = Bench::named("latency-exhausted-pool");
    let (caller, server) = (mean(&bench, "source", HOST).await, mean(&bench, "destination", HOST).await);
    // Sixty clients of each pod, four connections of 0.2 s: 3 s between two answers to the same client.
    assert!((2.6..3.0).contains(&caller) && (0.18..0.22).contains(&server), "{caller} and {server}");
    assert_eq!(bench.query(&format!("istio_requests_total{{response_flags=\"UO\",{HOST}}}")).await.len(), 0);
    bench.set_limits(100);
    bench.advance(120);
    assert!(p95(&bench).await < 0.6, "{}", p95(&bench).await);
}

#[tokio::test]
async fn a_cpu_limit_throttles_and_says_so() {
    let bench = Bench::named("latency-cpu-limit");
    let mean = mean(&bench, "destination", HOST).await;
    assert!((5.0..7.0).contains(&mean), "{mean}");
    let throttled = bench.query("sum by (pod) (rate(container_cpu_cfs_throttled_periods_total{namespace=\"summit\",pod=~\"graph-core.*\"}[1m])) / sum by (pod) (rate(container_cpu_cfs_periods_total[1m]))").await;
    assert_eq!(throttled.len(), 6);
    assert!(throttled.iter().all(|(_, share)| (0.6..0.9).contains(share)), "{throttled:?}");
    let used =
        bench.sum("max(rate(container_cpu_usage_seconds_total{namespace=\"summit\",pod=~\"graph-core.*\"}[1m]))").await;
    assert!(used < 0.2, "no more than the limit: {used}");
}

#[tokio::test]
async fn ejected_hosts_get_nothing_and_the_others_everything() {
    let bench = Bench::named("latency-ejected-hosts");
    let front = &bench.pods("summit", "front")[0];
    let page = bench.json("summit", front, 15000, "/clusters?format=json&filter=graph-core").await;
    let hosts = page["cluster_statuses"]
        .as_array()
        .unwrap()
        .iter()
        .find(|c| c["name"] == "outbound|8080||graph-core.summit.svc.cluster.local")
        .unwrap()["host_statuses"]
        .as_array()
        .unwrap();
    assert_eq!(hosts.len(), 6);
    assert_eq!(hosts.iter().filter(|host| host["health_status"]["failed_outlier_check"] == true).count(), 4);
    let ejected = bench
        .stat(front, "cluster.outbound|8080||graph-core.summit.svc.cluster.local;.outlier_detection.ejections_active")
        .await;
    assert_eq!(ejected, Some(4));
    let answering = bench
        .query(&format!("sum by (pod) (rate(istio_requests_total{{reporter=\"destination\",{HOST}}}[1m])) > 0"))
        .await;
    assert_eq!(answering.len(), 2, "{answering:?}");
    assert!(p95(&bench).await > 2.0);
    patch(
        &bench,
        "networking.istio.io",
        "destinationrules",
        "graph-core",
        "/spec/trafficPolicy/outlierDetection/maxEjectionPercent",
        10.into(),
    );
    bench.advance(120);
    let errors = bench
        .sum(&format!("sum(rate(istio_requests_total{{reporter=\"source\",response_code=\"500\",{HOST}}}[1m]))"))
        .await;
    assert!(errors > 0.3 * rate(&bench, "source").await, "back again, they err: {errors}");
}

#[tokio::test]
async fn a_dependency_goes_on_when_nobody_waits_any_more() {
    let bench = Bench::named("latency-timeout-chain");
    let cut = bench
        .sum(&format!("sum(rate(istio_requests_total{{reporter=\"source\",response_flags=\"UT\",{HOST}}}[1m]))"))
        .await;
    assert!(cut > 0.8 * rate(&bench, "source").await, "{cut}");
    let (caller, store) = (
        mean(&bench, "source", HOST).await,
        mean(&bench, "source", "source_workload=\"graph-core\",destination_service_name=\"store\"").await,
    );
    assert!((2.8..3.05).contains(&caller) && store > 4.5, "{caller} and {store}");
}

#[tokio::test]
async fn more_pods_heal_what_too_few_cannot_answer() {
    let bench = Bench::named("latency-too-few-replicas");
    let mean = mean(&bench, "source", HOST).await;
    assert!((2.7..3.2).contains(&mean), "160 clients, 40 answers a second: {mean}");
    patch(&bench, "apps", "deployments", "graph-core", "/spec/replicas", 8.into());
    bench.advance(180);
    assert!(p95(&bench).await < 0.6, "{}", p95(&bench).await);
}

#[tokio::test]
async fn an_autoscaler_without_metrics_keeps_its_bounds() {
    let bench = Bench::named("latency-hpa");
    let replicas =
        || bench.store.get("apps", "deployments", "summit", "graph-core").unwrap()["spec"]["replicas"].as_u64();
    let scaler = bench.store.get("autoscaling", "horizontalpodautoscalers", "summit", "graph-core").unwrap();
    let inactive = scaler["status"]["conditions"]
        .as_array()
        .unwrap()
        .iter()
        .any(|c| c["type"] == "ScalingActive" && c["status"] == "False");
    assert!(inactive && replicas() == Some(2), "{}", scaler["status"]);
    patch(&bench, "autoscaling", "horizontalpodautoscalers", "graph-core", "/spec/minReplicas", 6.into());
    bench.advance(1);
    assert_eq!(replicas(), Some(2), "it looks every fifteen seconds");
    bench.advance(20);
    assert_eq!(replicas(), Some(6));
    patch(&bench, "apps", "deployments", "graph-core", "/spec/replicas", 3.into());
    bench.advance(20);
    assert_eq!(replicas(), Some(6), "and takes back what somebody else sets below its minimum");
}

#[tokio::test]
async fn what_is_healthy_stays_fast() {
    let world = World::named("healthy").unwrap();
    assert!(p95(&Bench::new(world)).await < 0.2);
}
