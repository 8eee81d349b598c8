//! Ingress gateways of both kinds: what istiod makes of their objects, what their proxies say, and how requests that come in
//! by them end. And what becomes of requests to hosts that a sidecar is not told of.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod mesh;

use mesh::Bench;
use meshbook_lab::World;
use meshbook_lab::api::Pods;
use serde_json::{Value, json};

const ROOT: &str = "istio-system";

fn pods_of(bench: &Bench, namespace: &str, label: &str, value: &str) -> Vec<String> {
    let all = bench.store.list("", "pods", Some(namespace));
    let own = all.iter().filter(|pod| pod["metadata"]["labels"][label] == value);
    own.map(|pod| pod["metadata"]["name"].as_str().unwrap().to_owned()).collect()
}

/// A part of a proxy's configuration dump.
async fn part(bench: &Bench, namespace: &str, pod: &str, list: &str) -> Vec<Value> {
    let page = bench.json(namespace, pod, 15000, &format!("/config_dump?mask={list}")).await;
    let configs = page["configs"].as_array().cloned().unwrap_or_default();
    configs.iter().flat_map(|one| one[list].as_array().cloned().unwrap_or_default()).collect()
}

fn log(bench: &Bench, namespace: &str, pod: &str) -> Vec<String> {
    bench.mesh.logs(namespace, pod, "istio-proxy").unwrap().into_iter().map(|(_, line)| line).collect()
}

#[tokio::test]
async fn a_gateway_of_the_classic_way_is_a_router() {
    let bench = Bench::named("gateway-breaker");
    let pods = bench.pods(ROOT, "istio-ingressgateway");
    assert_eq!(pods.len(), 2);
    let info = bench.json(ROOT, &pods[0], 15000, "/server_info").await;
    assert!(info["node"]["id"].as_str().unwrap().starts_with("router~10.244."), "{}", info["node"]["id"]);
    let listeners = part(&bench, ROOT, &pods[0], "dynamic_listeners").await;
    let names: Vec<_> = listeners.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["0.0.0.0_8080"], "the Service leads its port 80 to 8080, and nothing is taken from iptables");
    let manager = &listeners[0]["active_state"]["listener"]["filter_chains"][0]["filters"][0]["typed_config"];
    assert_eq!(manager["rds"]["route_config_name"], "http.8080");
    let routes = part(&bench, ROOT, &pods[0], "dynamic_route_configs").await;
    let config = &routes[0]["route_config"];
    assert_eq!((&config["name"], routes.len()), (&json!("http.8080"), 1));
    let host = &config["virtual_hosts"][0];
    assert_eq!((&host["name"], &host["domains"]), (&json!("shop.example.com:80"), &json!(["shop.example.com"])));
    assert_eq!(host["routes"][0]["route"]["cluster"], "outbound|8080||graph-core.summit.svc.cluster.local");
    let clusters = bench.json(ROOT, &pods[0], 15000, "/clusters?format=json").await.to_string();
    assert!(!clusters.contains("inbound|") && !clusters.contains("PassthroughCluster"), "{clusters}");
    let addresses = bench.get(ROOT, &pods[0], 15000, "/listeners").await;
    assert!(addresses.contains("0.0.0.0_8080::0.0.0.0:8080") && !addresses.contains("virtualInbound"), "{addresses}");
    let istiod = &bench.pods(ROOT, "istiod")[0];
    let synced = bench.json(ROOT, istiod, 15014, "/debug/syncz").await;
    let own = synced.as_array().unwrap().iter().find(|one| one["proxy"] == format!("{}.{ROOT}", pods[0])).unwrap();
    assert_eq!(own["proxy_type"], "router");
}

#[tokio::test]
async fn what_comes_in_by_a_gateway_is_counted_as_its_own() {
    let bench = Bench::named("gateway-breaker");
    let own = r#"source_workload="istio-ingressgateway",source_workload_namespace="istio-system",destination_service="graph-core.summit.svc.cluster.local""#;
    for (reporter, flags) in [("source", "UO"), ("source", "-"), ("destination", "-")] {
        let query =
            format!(r#"rate(istio_requests_total{{reporter="{reporter}",response_flags="{flags}",{own}}}[1m])"#);
        assert!(bench.sum(&query).await > 1.0, "{query}");
    }
    let pod = &bench.pods(ROOT, "istio-ingressgateway")[0];
    let lines = log(&bench, ROOT, pod);
    let refused = lines.iter().find(|line| line.contains(" 503 UO ")).unwrap();
    for part in [
        r#""203.0.113.7""#,
        r#""shop.example.com""#,
        "outbound|8080||graph-core.summit.svc.cluster.local",
        ":8080 203.0.113.7:",
        " - shop",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    bench.set_limits(100);
    bench.advance(40);
    let query = format!(r#"increase(istio_requests_total{{reporter="source",response_flags="UO",{own}}}[30s])"#);
    assert_eq!(bench.sum(&query).await, 0.0, "the right limit heals it");
}

#[tokio::test]
async fn istiod_deploys_a_gateway_of_the_gateway_api_and_says_what_became_of_it() {
    let bench = Bench::named("gateway-api-breaker");
    let get = |group: &str, plural: &str, name: &str| bench.store.get(group, plural, "summit", name).unwrap();
    let deployment = get("apps", "deployments", "public-istio");
    assert_eq!(deployment["metadata"]["ownerReferences"][0]["kind"], "Gateway");
    let service = get("", "services", "public-istio");
    let ports: Vec<_> =
        service["spec"]["ports"].as_array().unwrap().iter().map(|one| one["port"].as_u64().unwrap()).collect();
    assert_eq!((ports.as_slice(), &service["spec"]["type"]), (&[15021, 80][..], &json!("LoadBalancer")));
    let gateway = get("gateway.networking.k8s.io", "gateways", "public");
    let is = |conditions: &Value, kind: &str| {
        let one = conditions.as_array().unwrap().iter().find(|one| one["type"] == kind).unwrap();
        (one["status"].as_str().unwrap().to_owned(), one["reason"].as_str().unwrap().to_owned())
    };
    bench.advance(1);
    assert_eq!(is(&gateway["status"]["conditions"], "Accepted"), ("True".into(), "Accepted".into()));
    let gateway = get("gateway.networking.k8s.io", "gateways", "public");
    assert_eq!(is(&gateway["status"]["conditions"], "Programmed"), ("True".into(), "Programmed".into()));
    assert_eq!(gateway["status"]["listeners"][0]["attachedRoutes"], 1);
    assert_eq!(gateway["status"]["addresses"][0]["value"], service["status"]["loadBalancer"]["ingress"][0]["ip"]);
    let route = get("gateway.networking.k8s.io", "httproutes", "shop");
    assert_eq!(
        is(&route["status"]["parents"][0]["conditions"], "ResolvedRefs"),
        ("True".into(), "ResolvedRefs".into())
    );
    let pod = &pods_of(&bench, "summit", "gateway.networking.k8s.io/gateway-name", "public")[0];
    let routes = part(&bench, "summit", pod, "dynamic_route_configs").await;
    let config = &routes[0]["route_config"];
    assert_eq!(config["name"], "http.80", "istiod lets these pods listen on the port itself");
    let one = &config["virtual_hosts"][0]["routes"][0];
    assert_eq!((&one["name"], &one["route"]["timeout"]), (&json!("summit.shop.0"), &json!("10s")));
    assert_eq!(one["route"]["cluster_not_found_response_code"], "INTERNAL_SERVER_ERROR");
    let query =
        r#"rate(istio_requests_total{reporter="source",response_flags="UO",source_workload="public-istio"}[1m])"#;
    assert!(bench.sum(query).await > 1.0);
}

#[tokio::test]
async fn a_backend_that_is_no_service_is_answered_by_500() {
    let bench = Bench::named("gateway-api-breaker");
    let mut route = (*bench.store.get("gateway.networking.k8s.io", "httproutes", "summit", "shop").unwrap()).clone();
    route["spec"]["rules"][0]["backendRefs"][0]["name"] = json!("graph-core-v2");
    bench.store.put(route, "test");
    // A rate needs two scrapes of the new series.
    bench.advance(40);
    let pod = &pods_of(&bench, "summit", "gateway.networking.k8s.io/gateway-name", "public")[0];
    let lines = log(&bench, "summit", pod);
    let last = lines.last().unwrap();
    assert!(last.contains(" 500 NC cluster_not_found ") && last.contains(r#""shop.example.com" "-" - - "#), "{last}");
    let route = bench.store.get("gateway.networking.k8s.io", "httproutes", "summit", "shop").unwrap();
    let resolved = &route["status"]["parents"][0]["conditions"][1];
    assert_eq!(resolved["reason"], "BackendNotFound");
    assert_eq!(resolved["message"], "backend(graph-core-v2.summit.svc.cluster.local) not found");
    let counted =
        r#"rate(istio_requests_total{reporter="source",response_flags="NC",destination_service="unknown"}[1m])"#;
    assert!(bench.sum(counted).await > 1.0, "a gateway does not take the authority for the service");
}

#[tokio::test]
async fn a_name_that_no_route_has_is_not_found() {
    let world = World::named("gateway-breaker").unwrap().set("traffic.0.to", "other.example.org:80").unwrap();
    let bench = Bench::new(world);
    let lines = log(&bench, ROOT, &bench.pods(ROOT, "istio-ingressgateway")[0]);
    assert!(lines.last().unwrap().contains(" 404 NR route_not_found "), "{:?}", lines.last());
}

#[tokio::test]
async fn registry_only_answers_502_for_what_a_sidecar_leaves_out() {
    let bench = Bench::named("sidecar-leaves-out");
    let front = &bench.pods("summit", "front")[0];
    let lines = log(&bench, "summit", front);
    let blocked = lines.iter().rfind(|line| line.contains("graph-core.summit:8080")).unwrap();
    assert!(blocked.contains(r#" 502 - direct_response - "-" 0 0 "#) && blocked.ends_with(" - block_all"), "{blocked}");
    assert!(lines.iter().rfind(|line| line.contains(r#""catalog:8080""#)).unwrap().contains(" 200 - via_upstream "));
    let routes = part(&bench, "summit", front, "dynamic_route_configs").await;
    let last = routes[0]["route_config"]["virtual_hosts"].as_array().unwrap().last().unwrap().clone();
    assert_eq!((&last["name"], &last["routes"][0]["direct_response"]["status"]), (&json!("block_all"), &json!(502)));
    let counted = r#"rate(istio_requests_total{destination_service_name="BlackHoleCluster",destination_service="graph-core.summit:8080",response_code="502"}[1m])"#;
    assert!(bench.sum(counted).await > 1.0);
}

#[tokio::test]
async fn allow_any_lets_through_what_a_sidecar_leaves_out() {
    let bench = Bench::new(World::named("sidecar-leaves-out").unwrap().set("cluster.registry_only", false).unwrap());
    let front = &bench.pods("summit", "front")[0];
    let lines = log(&bench, "summit", front);
    let passed = lines.iter().rfind(|line| line.contains("graph-core.summit:8080")).unwrap();
    assert!(passed.contains(" 200 - via_upstream ") && passed.contains(" PassthroughCluster "), "{passed}");
    assert!(passed.ends_with(" - allow_any"), "{passed}");
    let counted = r#"rate(istio_requests_total{reporter="source",destination_service_name="PassthroughCluster"}[1m])"#;
    assert!(bench.sum(counted).await > 1.0);
    let plain = r#"rate(istio_requests_total{reporter="destination",source_workload="unknown",connection_security_policy="none",destination_workload="graph-core"}[1m])"#;
    assert!(bench.sum(plain).await > 1.0, "nobody says who sends it");
    // The server demands mutual TLS now: what is only let through is plain text.
    let strict = json!({
        "apiVersion": "security.istio.io/v1", "kind": "PeerAuthentication",
        "metadata": {"name": "default", "namespace": "summit"}, "spec": {"mtls": {"mode": "STRICT"}},
    });
    bench.store.put(strict, "test");
    bench.advance(20);
    let lines = log(&bench, "summit", front);
    let refused = lines.iter().rfind(|line| line.contains("graph-core.summit:8080")).unwrap();
    assert!(refused.contains(" 503 UC "), "{refused}");
}
