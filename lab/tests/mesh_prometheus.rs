//! What the lab's Prometheus answers to the queries of the manual.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod mesh;

use http::StatusCode;
use mesh::Bench;
use meshbook_lab::World;
use meshbook_lab::api::Pods;

#[tokio::test]
async fn refusals_are_series_with_flag_uo_of_every_front_pod() {
    let bench = Bench::named("breaker");
    let rates = bench.query("sum by (pod, response_code, destination_service_name) (rate(istio_requests_total{response_flags=\"UO\",reporter=\"source\"}[1m]))").await;
    assert_eq!(rates.len(), 3, "{rates:?}");
    for (labels, rate) in &rates {
        assert_eq!(
            (labels["response_code"].as_str(), labels["destination_service_name"].as_str()),
            (Some("503"), Some("graph-core"))
        );
        assert!((80.0..200.0).contains(rate), "{labels}: {rate}");
    }
    bench.set_limits(500);
    bench.advance(90);
    assert_eq!(bench.sum("sum(rate(istio_requests_total{response_flags=\"UO\"}[30s]))").await, 0.0);
}

#[tokio::test]
async fn while_a_query_goes_on_other_pods_answer() {
    let bench = Bench::named("breaker");
    let prometheus = bench.pods("istio-system", "prometheus").remove(0);
    let path = "/api/v1/query?query=sum(rate(istio_request_duration_milliseconds_bucket[5m]))";
    let mut query = std::pin::pin!(bench.ask("GET", "istio-system", &prometheus, 9090, path));
    assert!(futures::poll!(&mut query).is_pending(), "whoever asks waits for the query, and not the whole mesh");
    let front = bench.pods("summit", "front").remove(0);
    assert!(bench.get("summit", &front, 15000, "/server_info").await.contains("LIVE"));
    assert_eq!(query.await.0, StatusCode::OK);
}

#[tokio::test]
async fn what_callers_sent_is_what_the_service_got_plus_what_was_refused() {
    let bench = Bench::named("breaker");
    let host = "destination_service_name=\"graph-core\"";
    let sent = bench.sum(&format!("sum(rate(istio_requests_total{{reporter=\"source\",{host}}}[2m]))")).await;
    let refused = bench
        .sum(&format!("sum(rate(istio_requests_total{{reporter=\"source\",response_flags=\"UO\",{host}}}[2m]))"))
        .await;
    let arrived = bench.sum(&format!("sum(rate(istio_requests_total{{reporter=\"destination\",{host}}}[2m]))")).await;
    assert!((sent - refused - arrived).abs() < 0.01 * sent, "{sent} - {refused} is not {arrived}");
    assert!((sent - 902.0).abs() < 30.0, "900 a second from front and 2 from reports, not {sent}");
}

#[tokio::test]
async fn envoys_own_counters_agree_with_istios() {
    let bench = Bench::named("breaker");
    let overflow = bench.sum("sum(increase(envoy_cluster_upstream_rq_pending_overflow{cluster_name=~\"outbound.*graph-core.*\"}[1m]) + increase(envoy_cluster_upstream_rq_active_overflow{cluster_name=~\"outbound.*graph-core.*\"}[1m]))").await;
    let flags = bench.sum("sum(increase(istio_requests_total{response_flags=\"UO\",reporter=\"source\"}[1m]))").await;
    assert!((overflow - flags).abs() < 0.01 * flags, "{overflow} and {flags}");
    // Not exported by reports' proxy: absent, not nought.
    assert!(bench.query("envoy_cluster_upstream_rq_total{app=\"reports\"}").await.is_empty());
}

#[tokio::test]
async fn a_saturated_service_is_slow_and_busy_and_a_higher_limit_only_makes_it_slower() {
    let p95 = "histogram_quantile(0.95, sum by (le) (rate(istio_request_duration_milliseconds_bucket{reporter=\"source\",destination_service_name=\"graph-core\",response_code=\"200\"}[1m])))";
    let cpu = "avg(rate(container_cpu_usage_seconds_total{pod=~\"graph-core-.*\"}[1m]))";
    let good = "sum(rate(istio_requests_total{reporter=\"destination\",destination_service_name=\"graph-core\",response_code=\"200\"}[1m]))";
    let bench = Bench::named("overload");
    let (slow, busy, answered) = (bench.sum(p95).await, bench.sum(cpu).await, bench.sum(good).await);
    assert!(slow > 250.0, "{slow}");
    assert!(busy > 0.95, "{busy}");
    assert!((answered - 200.0).abs() < 10.0, "two pods of 100 a second each: {answered}");
    assert!(bench.sum("sum(rate(istio_requests_total{response_flags=\"UO\"}[1m]))").await > 50.0);
    bench.set_limits(70);
    bench.advance(180);
    let slower = bench.sum(p95).await;
    assert!(slower > 1.6 * slow, "{slow} before, {slower} after");
    assert!(bench.sum(good).await < 205.0, "no more is answered than before");
    // Without limits every request waits longer than its caller does.
    bench.set_limits(1000);
    bench.advance(300);
    assert!(bench.sum("sum(rate(istio_requests_total{reporter=\"source\",response_code=\"504\"}[1m]))").await > 100.0);
    assert!(bench.sum(good).await < 0.8 * answered, "less is answered than before: {}", bench.sum(good).await);
    bench.set_limits(32);
    let mut deployment = (*bench.store.get("apps", "deployments", "summit", "graph-core").unwrap()).clone();
    deployment["spec"]["replicas"] = 4.into();
    bench.store.put(deployment, "kubectl-scale");
    bench.advance(240);
    assert!(bench.sum(p95).await < 200.0, "more pods heal it: {}", bench.sum(p95).await);
    assert_eq!(bench.sum("sum(rate(istio_requests_total{response_flags=\"UO\"}[1m]))").await, 0.0);
}

#[tokio::test]
async fn a_healthy_mesh_has_no_errors() {
    let bench = Bench::named("healthy");
    bench.advance(120);
    assert!(bench.query("istio_requests_total{response_code!=\"200\"}").await.is_empty());
    let inflight = bench.sum("sum(rate(istio_request_duration_milliseconds_sum{reporter=\"source\",source_workload=\"front\",destination_service_name=\"graph-core\"}[2m])) / 1000").await;
    // Little's law: 900 requests a second of 21 ms.
    assert!((inflight - 900.0 * 0.021).abs() < 1.5, "{inflight}");
}

#[tokio::test]
async fn errors_have_prometheus_envelope() {
    let bench = Bench::named("healthy");
    let pod = bench.pods("istio-system", "prometheus")[0].clone();
    for (path, status, kind) in [
        ("/api/v1/query?query=sum(", 400, "bad_data"),
        ("/api/v1/query?query=up&time=x", 400, "bad_data"),
        ("/api/v1/query?query=up%20%2B%20on()%20istio_requests_total", 422, "execution"),
        ("/api/v1/query_range?query=up&start=0&end=100000&step=1", 400, "bad_data"),
        ("/api/v1/series", 400, "bad_data"),
    ] {
        let (code, body) = bench.ask("GET", "istio-system", &pod, 9090, path).await;
        assert_eq!(code.as_u16(), status, "{path}: {body}");
        let body: serde_json::Value = serde_json::from_str(&body).unwrap();
        assert_eq!((body["status"].as_str(), body["errorType"].as_str()), (Some("error"), Some(kind)), "{path}");
        assert!(body["error"].as_str().is_some_and(|text| !text.is_empty()));
    }
    assert_eq!(bench.ask("GET", "istio-system", &pod, 9090, "/-/ready").await.0, StatusCode::OK);
}

#[tokio::test]
async fn no_query_takes_longer_than_a_client_waits_nor_more_stack_than_there_is() {
    let bench = Bench::new(World::named("healthy").unwrap());
    let pod = bench.pods("istio-system", "prometheus").remove(0);
    let deep = ["(".repeat(5000), "-".repeat(5000), "1%2B".repeat(10_000) + "1"];
    let asked = [
        ("query?query=sum_over_time(up%5B100y:1ms%5D)", "too many samples"),
        ("query?query=max_over_time(max_over_time(up%5B1y:1s%5D)%5B1y:1s%5D)", "too many samples"),
        ("query?query=up&time=1e300", "cannot parse"),
        ("query_range?query=up&start=-1e300&end=1e300&step=1", "cannot parse"),
        ("query_range?query=up&start=1&end=2&step=1e300", "success"),
        ("query?query=up+offset+290y+@+0", "success"),
    ];
    let nested = deep.iter().map(|query| (format!("query?query={query}"), "nests too deeply"));
    for (path, expected) in asked.map(|(path, text)| (path.to_owned(), text)).into_iter().chain(nested) {
        let (_, body) = bench.ask("GET", "istio-system", &pod, 9090, &format!("/api/v1/{path}")).await;
        assert!(body.contains(expected), "{path:.80}: {body:.200}");
    }
}

#[tokio::test]
async fn faults_of_prometheus() {
    let world = |fault: &str| World::named("breaker").unwrap().set("faults.prometheus", fault).unwrap();
    let down = Bench::new(world("down"));
    let pod = down.pods("istio-system", "prometheus")[0].clone();
    assert!(down.mesh.port("istio-system", &pod, 9090).is_none());
    let unavailable = Bench::new(world("unavailable"));
    assert_eq!(unavailable.ask("GET", "istio-system", &pod, 9090, "/api/v1/query?query=up").await.0.as_u16(), 503);
    assert!(Bench::new(world("no-series")).query("up").await.is_empty());
    let stale = Bench::new(world("stale"));
    assert!(!stale.query("up").await.is_empty());
    stale.advance(400);
    assert!(stale.query("up").await.is_empty(), "five minutes after the last scrape");
    let without = Bench::new(World::named("breaker").unwrap().without("prometheus").unwrap());
    assert!(without.pods("istio-system", "prometheus").is_empty());
}

#[tokio::test]
async fn a_pod_that_is_gone_leaves_no_value() {
    let bench = Bench::named("breaker");
    let pod = bench.pods("summit", "reports")[0].clone();
    assert_eq!(bench.query(&format!("up{{pod=\"{pod}\"}}")).await.len(), 1);
    let mut deployment = (*bench.store.get("apps", "deployments", "summit", "reports").unwrap()).clone();
    deployment["spec"]["replicas"] = 0.into();
    bench.store.put(deployment, "kubectl-scale");
    bench.advance(45);
    assert!(bench.query(&format!("up{{pod=\"{pod}\"}}")).await.is_empty());
}

#[tokio::test]
async fn callers_in_another_cluster_are_seen_by_the_server_only() {
    let world = World::named("healthy")
        .unwrap()
        .set(
            "faults.callers_elsewhere",
            serde_json::json!([{"cluster": "west", "workload": "shop", "to": "graph-core.summit:8080", "rate": 40.0}]),
        )
        .unwrap();
    let bench = Bench::new(world);
    let rate = bench.sum("sum(rate(istio_requests_total{reporter=\"destination\",source_cluster=\"west\",source_workload=\"shop\"}[1m]))").await;
    assert!((rate - 40.0).abs() < 2.0, "{rate}");
    assert!(bench.query("istio_requests_total{reporter=\"source\",source_cluster=\"west\"}").await.is_empty());
}
