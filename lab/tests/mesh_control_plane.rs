//! What becomes of a mesh whose control plane is unavailable: who is connected, who is refused, and that only what
//! caused it heals it.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod mesh;

use k8s_openapi::api::core::v1::Pod;
use kube::api::{Api, ListParams, Patch, PatchParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use mesh::Bench;
use meshbook_lab::api::Pods;
use meshbook_lab::{Lab, Pace, World};
use serde_json::{Value, json};

const ROOT: &str = "istio-system";

async fn known(bench: &Bench, istiod: &str) -> Vec<String> {
    let page = bench.json(ROOT, istiod, 15014, "/debug/syncz").await;
    page.as_array().unwrap().iter().map(|one| one["proxy"].as_str().unwrap().to_owned()).collect()
}

/// Open connections and connections so far of a proxy's cluster `xds-grpc`.
async fn xds(bench: &Bench, pod: &str) -> (u64, u64) {
    let stat = |name: &'static str| async move { bench.stat(pod, name).await.unwrap() };
    (stat("cluster.xds-grpc;.upstream_cx_active").await, stat("cluster.xds-grpc;.upstream_cx_total").await)
}

fn merge(bench: &Bench, group: &str, plural: &str, namespace: &str, name: &str, patch: Value) {
    let live = bench.store.get(group, plural, namespace, name).unwrap();
    let mut new = (*live).clone();
    json_patch::merge(&mut new, &patch);
    bench.store.put(new, "test");
}

#[tokio::test]
async fn proxies_are_spread_over_istiods_and_each_lists_its_own() {
    let bench = Bench::new(World::named("healthy").unwrap().set("cluster.istiods", 3).unwrap());
    let istiods = bench.pods(ROOT, "istiod");
    assert_eq!(istiods.len(), 3);
    let mut all = Vec::new();
    for istiod in &istiods {
        let own = known(&bench, istiod).await;
        assert!(!own.is_empty(), "{istiod} has none");
        all.extend(own);
    }
    let proxies = all.len();
    all.sort();
    all.dedup();
    assert_eq!((all.len(), proxies), (14, 14), "each proxy has one istiod");
    assert_eq!(xds(&bench, &bench.pods("summit", "front")[0]).await, (1, 1));
}

#[tokio::test]
async fn the_proxies_of_an_istiod_that_goes_connect_to_another() {
    let bench = Bench::new(World::named("healthy").unwrap().set("cluster.istiods", 2).unwrap());
    let istiods = bench.pods(ROOT, "istiod");
    let moved = known(&bench, &istiods[0]).await;
    bench.store.delete("", "pods", ROOT, &istiods[0]);
    bench.advance(20);
    let left: Vec<String> = bench.pods(ROOT, "istiod");
    assert_eq!(left.len(), 2, "the Deployment makes another");
    let mut all = Vec::new();
    for istiod in &left {
        all.extend(known(&bench, istiod).await);
    }
    assert!(moved.iter().all(|proxy| all.contains(proxy)), "{moved:?} of {all:?}");
}

#[tokio::test]
async fn a_wrong_selector_ends_connections_and_the_right_one_brings_them_back() {
    let bench = Bench::named("control-plane-wrong-selector");
    let front = bench.pods("summit", "front")[0].clone();
    let (active, total) = xds(&bench, &front).await;
    assert_eq!(active, 0);
    assert!(total > 5, "it tries again: {total}");
    let agent = bench.get("summit", &front, 15020, "/metrics").await;
    assert!(agent.contains("istio_agent_istiod_connection_failures"), "{agent}");
    for istiod in bench.pods(ROOT, "istiod") {
        assert!(known(&bench, &istiod).await.is_empty());
    }
    // Traffic goes on, and what changes does not arrive.
    let before = bench.sum("sum(istio_requests_total{reporter=\"destination\"})").await;
    bench.set_limits(77);
    bench.advance(60);
    assert!(bench.sum("sum(istio_requests_total{reporter=\"destination\"})").await > before + 10_000.0);
    let dump = bench
        .get("summit", &front, 15000, "/config_dump?resource=dynamic_active_clusters&name_regex=.*graph-core.*")
        .await;
    assert!(!dump.contains(": 77"), "no istiod, no push");

    merge(&bench, "", "services", ROOT, "istiod", json!({"spec": {"selector": {"istio": "pilot"}}}));
    bench.advance(40);
    assert_eq!(xds(&bench, &front).await.0, 1);
    let dump = bench
        .get("summit", &front, 15000, "/config_dump?resource=dynamic_active_clusters&name_regex=.*graph-core.*")
        .await;
    assert!(dump.contains(": 77"), "who connects gets what it missed");
}

#[tokio::test]
async fn a_network_policy_shuts_off_proxies_and_webhooks_and_no_port_forward() {
    let bench = Bench::named("control-plane-network-policy");
    let istiod = bench.pods(ROOT, "istiod")[0].clone();
    assert!(known(&bench, &istiod).await.is_empty());
    assert!(bench.get(ROOT, &istiod, 15014, "/version").await.starts_with("1.31.0"));
    let front = bench.pods("summit", "front")[0].clone();
    assert_eq!(xds(&bench, &front).await.0, 0);
    let open = json!({"spec": {"ingress": [{"ports": [{"port": 15012}, {"port": 15017}, {"port": 15014}]}]}});
    merge(&bench, "networking.k8s.io", "networkpolicies", ROOT, "istiod-metrics-only", open);
    bench.advance(40);
    assert_eq!(known(&bench, &istiod).await.len(), 11);
}

#[tokio::test]
async fn a_crash_loop_reads_like_one() {
    let bench = Bench::named("control-plane-crash-loop");
    let name = bench.pods(ROOT, "istiod")[0].clone();
    let pod = bench.store.get("", "pods", ROOT, &name).unwrap();
    let container = &pod["status"]["containerStatuses"][0];
    assert_eq!(container["state"]["waiting"]["reason"], "CrashLoopBackOff");
    assert_eq!(
        (container["restartCount"].as_u64(), container["lastState"]["terminated"]["exitCode"].as_i64()),
        (Some(6), Some(255))
    );
    assert!(bench.mesh.port(ROOT, &name, 15014).is_none(), "nothing listens");
    let log = bench.mesh.logs(ROOT, &name, "discovery").unwrap();
    assert!(log.last().unwrap().1.contains("failed to create discovery service"), "{log:?}");
    let events = bench.store.list("", "events", Some(ROOT));
    assert!(events.iter().any(|event| event["reason"] == "BackOff"));
    // A pod that is made anew ends the same way.
    bench.store.delete("", "pods", ROOT, &name);
    bench.advance(20);
    let next = bench.store.get("", "pods", ROOT, &bench.pods(ROOT, "istiod")[0]).unwrap();
    assert_eq!(next["status"]["containerStatuses"][0]["state"]["waiting"]["reason"], "CrashLoopBackOff");
}

#[tokio::test]
async fn a_stale_istiod_keeps_its_proxies_and_their_configuration() {
    let bench = Bench::named("control-plane-stale-istiod");
    let istiods = bench.pods(ROOT, "istiod");
    let mut versions = Vec::new();
    let mut pushed = Vec::new();
    for istiod in &istiods {
        let page = bench.json(ROOT, istiod, 15014, "/debug/configz").await;
        let catalog = page.as_array().unwrap().iter().find(|one| one["metadata"]["name"] == "catalog").unwrap().clone();
        versions.push(catalog["metadata"]["resourceVersion"].as_str().unwrap().parse::<u64>().unwrap());
        let page = bench.json(ROOT, istiod, 15014, "/debug/syncz").await;
        let newest =
            page.as_array().unwrap().iter().map(|one| one["cluster_sent"].as_str().unwrap()[..20].to_owned()).max();
        pushed.push(newest.unwrap());
    }
    let newest = *versions.iter().max().unwrap();
    let stale: Vec<usize> = (0..3).filter(|index| versions[*index] < newest).collect();
    assert_eq!(stale.len(), 1, "{versions:?}");
    let others = (0..3).filter(|index| !stale.contains(index)).map(|index| pushed[index].clone());
    assert!(others.into_iter().all(|at| at > pushed[stale[0]]), "{pushed:?}");
}

#[tokio::test]
async fn a_slow_api_server_delays_what_istiod_learns() {
    let bench = Bench::named("control-plane-slow-api");
    let query =
        "histogram_quantile(0.99, sum by (le) (rate(apiserver_request_duration_seconds_bucket{verb=\"GET\"}[2m])))";
    assert!(bench.sum(query).await > 5.0);
    let healthy = Bench::named("healthy");
    assert!(healthy.sum(query).await < 0.1);
    let front = bench.pods("summit", "front")[0].clone();
    let has = |seconds: u64| {
        bench.advance(seconds);
        bench.get("summit", &front, 15000, "/config_dump?resource=dynamic_active_clusters&name_regex=.*graph-core.*")
    };
    bench.set_limits(77);
    assert!(!has(3).await.contains(": 77"));
    assert!(has(5).await.contains(": 77"));
    let istiod = bench.pods(ROOT, "istiod")[0].clone();
    let log = bench.mesh.logs(ROOT, &istiod, "discovery").unwrap();
    assert!(log.iter().filter(|(_, line)| line.contains("error retrieving resource lock")).count() > 10);
}

#[tokio::test]
async fn revisions_have_their_own_istiods_and_versions() {
    let text = "summary = 'x'\n[cluster]\nkubernetes = '1.33.0'\n[[cluster.revision]]\nname = '1-30'\nistio = '1.30.3'\n[[workload]]\nname = 'old'\nnamespace = 'legacy'\nports = [80]\nrevision = '1-30'\n[[workload]]\nname = 'new'\nports = [80]\n[cure]\nchange = 'none'\nbecause = 'y'";
    let bench = Bench::new(World::parse(text).unwrap());
    let by_revision = |revision: &str| {
        let all = bench.store.list("", "pods", Some(ROOT));
        let pod = all.into_iter().find(|pod| {
            pod["metadata"]["labels"]["istio.io/rev"] == revision && pod["metadata"]["labels"]["app"] == "istiod"
        });
        pod.unwrap()["metadata"]["name"].as_str().unwrap().to_owned()
    };
    let (old, new) = (by_revision("1-30"), by_revision("default"));
    assert!(bench.get(ROOT, &old, 15014, "/version").await.starts_with("1.30.3"));
    let (own, others) = (known(&bench, &old).await, known(&bench, &new).await);
    assert!(
        own.len() == 1 && own[0].ends_with(".legacy") && others.len() == 1 && others[0].ends_with(".summit"),
        "{own:?} {others:?}"
    );
    let pod = &bench.pods("legacy", "old")[0];
    let dump = bench.get("legacy", pod, 15000, "/config_dump?mask=bootstrap").await;
    assert!(dump.contains("istiod-1-30.istio-system.svc:15012"), "its own istiod's address");
}

async fn client(lab: &Lab) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let kubeconfig = Kubeconfig::from_yaml(&lab.kubeconfig()).unwrap();
    Client::try_from(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap()).unwrap()
}

fn trial() -> Pod {
    serde_json::from_value(
        json!({"metadata": {"name": "trial"}, "spec": {"containers": [{"name": "a", "image": "registry.example/a"}]}}),
    )
    .unwrap()
}

async fn refusal(client: &Client, namespace: &str) -> Option<String> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    match pods.create(&dry, &trial()).await {
        Ok(_) => None,
        Err(kube::Error::Api(status)) => Some(format!("{} {}: {}", status.code, status.reason, status.message)),
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn new_pods_and_rules_are_refused_as_recorded() {
    let recorded = include_str!("../testdata/istio/faults/istiod-down.new-pod.txt");
    for (world, why) in [
        ("control-plane-wrong-selector", "no endpoints available for service \"istiod\""),
        ("control-plane-crash-loop", "no endpoints available for service \"istiod\""),
        ("control-plane-network-policy", "context deadline exceeded"),
    ] {
        let lab = Lab::start(World::named(world).unwrap(), Pace::Virtual).await.unwrap();
        let client = client(&lab).await;
        let said = refusal(&client, "summit").await.unwrap();
        // The recorded answer with another reason at its end.
        let (head, _) = recorded
            .trim()
            .strip_prefix("Error from server (InternalError): ")
            .unwrap()
            .split_once("dial tcp")
            .unwrap();
        assert_eq!(said, format!("500 InternalError: {head}{why}"), "{world}");
        assert_eq!(refusal(&client, "kube-system").await, None, "namespaces without sidecars are not concerned");
        let rules: Api<kube::api::DynamicObject> = Api::namespaced_with(
            client.clone(),
            "summit",
            &kube::api::ApiResource::from_gvk(&kube::api::GroupVersionKind::gvk(
                "networking.istio.io",
                "v1",
                "DestinationRule",
            )),
        );
        let patch = json!({"spec": {"host": "catalog"}, "metadata": {"labels": {"a": "b"}}});
        let error =
            rules.patch("catalog", &PatchParams::default(), &Patch::Merge(&patch)).await.unwrap_err().to_string();
        assert!(error.contains("failed calling webhook \"validation.istio.io\""), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failure_policy_of_ignore_lets_pods_in_without_a_sidecar() {
    let lab = Lab::start(World::named("control-plane-crash-loop").unwrap(), Pace::Virtual).await.unwrap();
    let client = client(&lab).await;
    let store = lab.store();
    let key = ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", "", "istio-sidecar-injector");
    let mut injector = (*store.get(key.0, key.1, key.2, key.3).unwrap()).clone();
    for webhook in injector["webhooks"].as_array_mut().unwrap() {
        webhook["failurePolicy"] = json!("Ignore");
    }
    // Before: a Deployment cannot replace its pods.
    let scale = |replicas: u64| {
        let mut front = (*store.get("apps", "deployments", "summit", "front").unwrap()).clone();
        front["spec"]["replicas"] = json!(replicas);
        store.put(front, "test");
        lab.advance(std::time::Duration::from_secs(10));
        store.list("", "pods", Some("summit")).iter().filter(|pod| pod["metadata"]["labels"]["app"] == "front").count()
    };
    assert_eq!(scale(4), 3);
    assert!(store.list("", "events", Some("summit")).iter().any(|event| event["reason"] == "FailedCreate"));
    store.put(injector, "test");
    assert_eq!(refusal(&client, "summit").await, None);
    assert_eq!(scale(5), 5);
    let pods: Api<Pod> = Api::namespaced(client, "summit");
    let fronts = pods.list(&ListParams::default().labels("app=front")).await.unwrap().items;
    let without =
        fronts.iter().filter(|pod| !serde_json::to_string(&pod.spec).unwrap().contains("istio-proxy")).count();
    assert_eq!(without, 2, "what starts meanwhile has no sidecar");
}
