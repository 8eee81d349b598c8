//! A breaker trips because load exceeds it, and stops because the limit was raised.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod mesh;

use mesh::Bench;
use meshbook_lab::World;
use meshbook_lab::api::Pods;

const OUTBOUND: &str = "cluster.outbound|8080||graph-core.summit.svc.cluster.local;";

async fn overflow(bench: &Bench, pod: &str, cluster: &str) -> u64 {
    let pending = bench.stat(pod, &format!("{cluster}.upstream_rq_pending_overflow")).await.unwrap();
    pending + bench.stat(pod, &format!("{cluster}.upstream_rq_active_overflow")).await.unwrap()
}

/// What all front proxies refuse in ten seconds.
async fn refused(bench: &Bench) -> u64 {
    let mut sum = 0;
    for pod in bench.pods("summit", "front") {
        let before = overflow(bench, &pod, OUTBOUND).await;
        bench.advance(10);
        sum += overflow(bench, &pod, OUTBOUND).await - before;
    }
    sum
}

#[tokio::test]
async fn every_front_pod_refuses_until_the_limit_is_raised() {
    let bench = Bench::named("breaker");
    for pod in bench.pods("summit", "front") {
        let before = overflow(&bench, &pod, OUTBOUND).await;
        bench.advance(1);
        assert!(overflow(&bench, &pod, OUTBOUND).await > before + 50, "{pod} refuses");
    }
    bench.set_limits(500);
    bench.advance(1);
    assert_eq!(refused(&bench).await, 0, "nothing is refused any more");
}

#[tokio::test]
async fn only_the_cure_heals_it() {
    // Neither a restart of the callers, nor of the service, nor time.
    let bench = Bench::named("breaker");
    for name in ["front", "graph-core"] {
        let deployment = bench.store.get("apps", "deployments", "summit", name).unwrap();
        let mut deployment = (*deployment).clone();
        deployment["spec"]["template"]["metadata"]["annotations"]["kubectl.kubernetes.io/restartedAt"] =
            "2026-01-05T09:10:00Z".into();
        bench.store.put(deployment, "kubectl-rollout");
        bench.advance(60);
    }
    assert!(refused(&bench).await > 500);
    bench.set_limits(5);
    bench.advance(2);
    assert!(refused(&bench).await > 100, "a limit that is still too low still refuses");
}

#[tokio::test]
async fn the_access_log_says_uo_and_the_dump_says_the_limits() {
    let bench = Bench::named("breaker");
    let pod = &bench.pods("summit", "front")[0];
    let lines = bench.mesh.logs("summit", pod, "istio-proxy").unwrap();
    let refused = lines
        .iter()
        .filter(|(_, line)| line.contains(" 503 UO upstream_reset_before_response_started{overflow} "))
        .count();
    assert!(refused > 500, "{refused} of {}", lines.len());
    let dump = bench
        .json(
            "summit",
            pod,
            15000,
            "/config_dump?resource=dynamic_active_clusters&name_regex=outbound%5C%7C8080%5C%7C%5C%7Cgraph-core.%2A",
        )
        .await;
    assert_eq!(dump["configs"].as_array().unwrap().len(), 1);
    assert_eq!(dump["configs"][0]["cluster"]["circuit_breakers"]["thresholds"][0]["max_connections"], 4);
}

#[tokio::test]
async fn with_default_statistics_a_proxy_says_nothing_of_outbound_hosts() {
    let bench = Bench::named("breaker-default-stats");
    let pod = &bench.pods("summit", "front")[0];
    assert_eq!(bench.stat(pod, &format!("{OUTBOUND}.upstream_rq_pending_overflow")).await, None);
    assert!(!bench.get("summit", pod, 15000, "/stats").await.contains("graph-core"));
    assert!(bench.mesh.logs("summit", pod, "istio-proxy").unwrap().iter().any(|(_, line)| line.contains(" UO ")));
}

#[tokio::test]
async fn the_servers_own_sidecars_refuse_in_breaker_inbound() {
    let bench = Bench::named("breaker-inbound");
    let front = &bench.pods("summit", "front")[0];
    let server = &bench.pods("summit", "graph-core")[0];
    let before = overflow(&bench, server, "cluster.inbound|8080||;").await;
    bench.advance(10);
    assert!(overflow(&bench, server, "cluster.inbound|8080||;").await > before + 50);
    assert_eq!(overflow(&bench, front, OUTBOUND).await, 0, "callers refuse nothing");
    let lines = bench.mesh.logs("summit", front, "istio-proxy").unwrap();
    assert!(lines.iter().any(|(_, line)| line.contains(" 503 - via_upstream ")), "the caller sees the server's answer");
    let lines = bench.mesh.logs("summit", server, "istio-proxy").unwrap();
    assert!(lines.iter().any(|(_, line)| line.contains(" 503 UO ") && line.contains("inbound|8080||")));
    bench.set_limits(50);
    bench.advance(2);
    let before = overflow(&bench, server, "cluster.inbound|8080||;").await;
    bench.advance(10);
    assert_eq!(overflow(&bench, server, "cluster.inbound|8080||;").await, before);
}

#[tokio::test]
async fn an_unrelated_caller_is_not_refused() {
    let bench = Bench::named("breaker");
    let pod = &bench.pods("summit", "reports")[0];
    let lines = bench.mesh.logs("summit", pod, "istio-proxy").unwrap();
    assert!(lines.len() > 100);
    assert!(!lines.iter().any(|(_, line)| line.contains(" UO ")));
}

#[tokio::test]
async fn without_pods_the_answer_is_no_healthy_upstream() {
    let bench = Bench::named("no-healthy-upstream");
    let pod = &bench.pods("summit", "front")[0];
    let lines = bench.mesh.logs("summit", pod, "istio-proxy").unwrap();
    assert!(lines.iter().any(|(_, line)| line.contains(" 503 UH no_healthy_upstream ")));
    let mut deployment = (*bench.store.get("apps", "deployments", "summit", "graph-core").unwrap()).clone();
    deployment["spec"]["replicas"] = 3.into();
    bench.store.put(deployment, "kubectl-scale");
    bench.advance(10);
    let late = bench.mesh.now() - std::time::Duration::from_secs(3);
    let lines = bench.mesh.logs("summit", pod, "istio-proxy").unwrap();
    assert!(lines.iter().any(|(at, line)| *at > late && line.contains(" 200 - via_upstream ")));
    assert!(!lines.iter().any(|(at, line)| *at > late && line.contains(" UH ")));
}

#[tokio::test]
async fn the_same_seed_gives_the_same_mesh_and_another_seed_another() {
    let page = |seed: u64| async move {
        let bench = Bench::new(World::named("breaker").unwrap().set("seed", seed).unwrap());
        bench.advance(90);
        let pod = bench.pods("summit", "front")[0].clone();
        let logs = bench.mesh.logs("summit", &pod, "istio-proxy").unwrap();
        (bench.get("summit", &pod, 15000, "/stats").await, logs.last().unwrap().clone())
    };
    let (first, again, other) = (page(7).await, page(7).await, page(8).await);
    assert_eq!(first, again);
    assert_ne!(first, other);
}

#[tokio::test]
async fn how_time_is_cut_makes_no_difference() {
    let (whole, parts) = (Bench::named("breaker"), Bench::named("breaker"));
    whole.advance(60);
    for _ in 0..600 {
        parts.mesh.advance(std::time::Duration::from_millis(100));
    }
    let pod = &whole.pods("summit", "front")[0];
    let name = format!("{OUTBOUND}.upstream_rq_pending_overflow");
    let (a, b) = (whole.stat(pod, &name).await.unwrap(), parts.stat(pod, &name).await.unwrap());
    assert!(a.abs_diff(b) <= 1, "{a} and {b}");
}
