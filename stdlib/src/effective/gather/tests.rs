use serde_json::json;

use super::*;
use crate::host::tests::graph_core;

fn object(namespace: &str, name: &str, spec: Value) -> Value {
    json!({ "metadata": { "namespace": namespace, "name": name, "creationTimestamp": "2026-01-01T00:00:00Z" }, "spec": spec })
}

fn pod(namespace: &str, name: &str, app: &str, proxy: bool) -> Value {
    let mut containers = vec![json!({ "name": "app", "ports": [{ "name": "http", "containerPort": 9000 }] })];
    if proxy {
        containers.push(json!({ "name": "istio-proxy" }));
    }
    json!({ "metadata": { "namespace": namespace, "name": name, "labels": { "app": app } }, "spec": { "containers": containers }, "status": { "phase": "Running" } })
}

fn objects() -> Objects {
    let host = "graph-core.summit.svc.cluster.local";
    let pool = |n: u64| json!({ "connectionPool": { "tcp": { "maxConnections": n } } });
    let rules = vec![
        object(
            "shop",
            "theirs",
            json!({ "host": host, "trafficPolicy": pool(7), "subsets": [
            { "name": "v1", "trafficPolicy": { "connectionPool": { "tcp": { "maxConnections": 3 } }, "portLevelSettings": [{ "port": { "number": 90 }, "tls": { "mode": "SIMPLE" } }] } },
        ] }),
        ),
        object("summit", "own", json!({ "host": host, "trafficPolicy": pool(9) })),
        object("istio-system", "mesh", json!({ "host": "*.local", "trafficPolicy": { "tls": { "mode": "DISABLE" } } })),
    ];
    let routes = vec![
        object(
            "shop",
            "split",
            json!({ "hosts": [host], "http": [{ "name": "all", "timeout": "3s", "route": [
            { "destination": { "host": host, "subset": "v1" }, "weight": 90 }, { "destination": { "host": "other.shop" }, "weight": 10 },
        ] }] }),
        ),
        object("summit", "far", json!({ "hosts": [host], "exportTo": ["."] })),
    ];
    let policies = vec![
        object("summit", "default", json!({ "mtls": { "mode": "PERMISSIVE" } })),
        object(
            "summit",
            "graph-core",
            json!({ "selector": { "matchLabels": { "app": "graph-core" } }, "portLevelMtls": { "9090": { "mode": "DISABLE" } } }),
        ),
        object("istio-system", "default", json!({ "mtls": { "mode": "STRICT" } })),
    ];
    Objects {
        root: "istio-system".into(),
        service: json!({ "metadata": { "namespace": "summit", "name": "graph-core" }, "spec": { "selector": { "app": "graph-core" }, "ports": [{ "port": 8080 }, { "port": 90, "targetPort": 9090 }] } }),
        pods: vec![pod("summit", "graph-core-1", "graph-core", true)],
        sidecars: Vec::new(),
        virtual_services: routes,
        rules: Rules::of(rules, "cluster.local", "istio-system".into(), None),
        policies: Policies::of(policies, "istio-system"),
        notes: Vec::new(),
    }
}

fn front() -> Caller {
    Caller::of("front", &pod("shop", "front-1", "front", true))
}

fn told(seen: &Seen) -> Vec<(String, bool)> {
    seen.candidates.iter().map(|one| (one.object().to_owned(), one.applies())).collect()
}

fn applying(seen: &Seen) -> Vec<String> {
    told(seen).into_iter().filter(|(_, applies)| *applies).map(|(object, _)| object).collect()
}

#[test]
fn the_whole_chain_of_a_caller_in_another_namespace() {
    let seen = judge(&objects(), &graph_core(), front(), 8080);
    assert_eq!(
        told(&seen),
        [
            ("VirtualService shop/split".to_owned(), true),
            ("VirtualService summit/far".to_owned(), false),
            ("DestinationRule shop/theirs".to_owned(), true),
            ("DestinationRule summit/own".to_owned(), false),
            ("DestinationRule istio-system/mesh".to_owned(), false),
            ("PeerAuthentication summit/graph-core".to_owned(), false),
            ("PeerAuthentication summit/default".to_owned(), true),
            ("PeerAuthentication istio-system/default".to_owned(), false),
        ]
    );
    let [part] = seen.parts.as_slice() else { panic!("one subset of this host, not {:?}", seen.parts) };
    let (rule, level, limits) = part.pool.clone().expect("its subset sets a pool");
    assert_eq!((rule.as_str(), limits.max_connections), ("DestinationRule shop/theirs", 3));
    assert_eq!(level.to_string(), "spec.subsets[v1].trafficPolicy.connectionPool");
    assert_eq!((part.subset.as_str(), &part.tls), ("v1", &None));
    assert_eq!(seen.accepts, Ok(vec![Mode::Permissive]));
    let effective = Effective::new(seen);
    assert_eq!(effective.sends(&effective.seen().parts[0]), "automatic");
    assert!(effective.part("").is_err() && effective.part("v1").is_ok());
}

#[test]
fn a_port_has_settings_of_its_own() {
    let seen = judge(&objects(), &graph_core(), front(), 90);
    let part = &seen.parts[0];
    assert_eq!(part.pool, None, "settings of a port inherit nothing");
    assert_eq!(part.tls.as_ref().map(|(_, _, mode)| mode.as_str()), Some("SIMPLE"));
    assert_eq!(seen.accepts, Ok(vec![Mode::Disable]));
    assert!(applying(&seen).contains(&"PeerAuthentication summit/graph-core".to_owned()));
}

#[test]
fn a_sidecar_decides_whether_the_caller_knows_the_host_and_its_routes() {
    let limited = |hosts: Value| {
        let mut all = objects();
        all.sidecars = vec![object("shop", "default", json!({ "egress": [{ "hosts": hosts }] }))];
        judge(&all, &graph_core(), front(), 8080)
    };
    let own = limited(json!(["./*"]));
    assert!(
        own.known.as_ref().is_ok_and(|by| by.contains("destination of VirtualService shop/split")),
        "{:?}",
        own.known
    );
    let none = limited(json!(["other/*"]));
    assert!(none.known.is_err() && none.route.is_err() && none.rules.is_empty() && none.parts.is_empty());
    assert_eq!(applying(&none), ["Sidecar shop/default", "PeerAuthentication summit/default"]);
    let theirs = limited(json!(["summit/*"]));
    assert!(theirs.known.is_ok());
    assert!(
        theirs.route.as_ref().is_ok_and(|route| route.place().is_none()),
        "the VirtualService of shop is not imported"
    );
    assert_eq!(theirs.parts[0].subset, "");
    let mut gateway = front();
    gateway.is_gateway = true;
    let mut all = objects();
    all.sidecars = vec![object("shop", "default", json!({ "egress": [{ "hosts": ["other/*"] }] }))];
    assert!(judge(&all, &graph_core(), gateway, 8080).known.is_ok(), "a gateway knows every host");
}

#[test]
fn a_service_that_is_not_exported_is_not_known() {
    let mut all = objects();
    all.service["metadata"]["annotations"] = json!({ "networking.istio.io/exportTo": "., far" });
    assert!(judge(&all, &graph_core(), front(), 8080).known.is_err());
    let mut near = front();
    near.namespace = "summit".into();
    assert!(judge(&all, &graph_core(), near, 8080).known.is_ok());
}

#[test]
fn without_a_sidecar_only_the_servers_side_applies() {
    let seen = judge(&objects(), &graph_core(), Caller::of("legacy", &pod("shop", "legacy-1", "legacy", false)), 8080);
    assert!(seen.route.is_err() && seen.rules.is_empty());
    assert_eq!(applying(&seen), ["PeerAuthentication summit/default"]);
    let mut all = objects();
    all.pods = vec![pod("summit", "graph-core-1", "graph-core", false)];
    let seen = judge(&all, &graph_core(), front(), 8080);
    assert!(seen.accepts.is_err() && !seen.notes.is_empty());
    all.pods.clear();
    assert!(judge(&all, &graph_core(), front(), 8080).accepts.is_err());
}

#[test]
fn a_named_port_is_looked_up_in_the_pod() {
    let service =
        json!({ "spec": { "ports": [{ "port": 80, "targetPort": "http" }, { "port": 81, "targetPort": "none" }] } });
    let pod = pod("a", "b", "c", true);
    assert_eq!(container_port(&service, &pod, 80), 9000);
    assert_eq!(container_port(&service, &pod, 81), 81);
    assert_eq!(container_port(&service, &pod, 82), 82);
}
