//! The lab's pages against those that a real Istio 1.31 with Envoy 1.40 answered (`testdata/istio`).
//!
//! The world below is the recorded one: the same namespace, workloads, rules and statistics. Pages must have the same
//! keys and types; what belongs to the world itself must be equal. Each difference that is allowed stands in
//! [`ALLOWED`], with its reason.
#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

mod mesh;

use std::collections::{BTreeMap, BTreeSet};

use http::StatusCode;
use mesh::Bench;
use meshbook_lab::World;
use meshbook_lab::api::Pods;
use serde_json::Value;

/// Where the lab may differ: the page, a part of the path or name that differs, and why. An entry that no longer
/// matches anything fails the test of its page.
const ALLOWED: &[(&str, &str, &str)] = &[
    (
        "ListenersConfigDump",
        ".default_filter_chain.transport_socket_connect_timeout",
        "of a gateway's port without a protocol in its name; the lab's world has no gateway",
    ),
    (
        "stats of front-stats",
        ";.retry.upstream_rq_",
        "one retry happened while it was recorded; here nothing failed that is retried",
    ),
    ("stats/prometheus", "_retry_upstream_rq", "as above"),
    ("debug/registryz", ".Attributes.Labels", "labels are the Services' own"),
    ("debug/registryz", ".Attributes.LabelSelectors", "selectors are the Services' own"),
    ("debug/configz", ".metadata.annotations", "kubectl's last-applied; the lab's world was not applied by kubectl"),
];

const WORLD: &str = r#"
summary = "The recorded mesh."
namespace = "summit"
objects = """
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: graph-core, namespace: summit}
spec:
  host: graph-core.summit.svc.cluster.local
  trafficPolicy:
    connectionPool: {tcp: {maxConnections: 1}, http: {http1MaxPendingRequests: 1, http2MaxRequests: 1}}
    outlierDetection: {consecutive5xxErrors: 5, interval: 30s, baseEjectionTime: 30s}
  subsets: [{name: v1, labels: {version: v1}}]
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: graph-core, namespace: summit}
spec:
  hosts: [graph-core.summit.svc.cluster.local]
  http:
  - name: canary
    match: [{headers: {x-test: {exact: canary}}}]
    route: [{destination: {host: graph-core.summit.svc.cluster.local, subset: v1}}]
  - name: default
    timeout: 10s
    retries: {attempts: 3, perTryTimeout: 2s, retryOn: "5xx,reset,connect-failure"}
    route: [{destination: {host: graph-core.summit.svc.cluster.local}}]
"""
[cluster]
native_sidecars = false
[telemetry]
access_log = true
[[workload]]
name = "graph-core"
ports = [8080]
replicas = 2
[[workload]]
name = "front"
[[workload]]
name = "front-stats"
proxy_stats = [".*upstream_rq.*", ".*upstream_cx.*", ".*circuit_breakers.*", ".*outlier_detection.*"]
[[traffic]]
from = "front"
to = "graph-core.summit:8080"
concurrency = 16.0
[[traffic]]
from = "front-stats"
to = "graph-core.summit:8080"
concurrency = 16.0
[cure]
change = "none"
because = "It is recorded as it was."
"#;

const OUTBOUND: &str = "outbound|8080||graph-core.summit.svc.cluster.local";

fn recorded(name: &str) -> String {
    std::fs::read_to_string(format!("{}/testdata/istio/{name}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

fn recorded_json(name: &str) -> Value {
    serde_json::from_str(&recorded(name)).unwrap()
}

fn bench() -> Bench {
    Bench::new(World::parse(WORLD).unwrap())
}

/// Every path of a value with its types; members of a list have one shape in common.
fn shape(value: &Value, path: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                // The `@type` tells which message it is, and so which keys it may have.
                let key =
                    if key == "@type" { format!("@type={}", child.as_str().unwrap_or_default()) } else { key.clone() };
                shape(child, &format!("{path}.{key}"), into);
            }
        }
        Value::Array(list) => list.iter().for_each(|child| shape(child, &format!("{path}[]"), into)),
        Value::Null => {
            into.insert(format!("{path}: null"));
        }
        Value::Bool(_) => {
            into.insert(format!("{path}: bool"));
        }
        Value::Number(_) => {
            into.insert(format!("{path}: number"));
        }
        Value::String(_) => {
            into.insert(format!("{path}: string"));
        }
    }
}

/// Both pages have the same members, but for what is allowed; and what is allowed does occur.
fn assert_same(page: &str, own: &BTreeSet<String>, real: &BTreeSet<String>) {
    let entries: Vec<&str> = ALLOWED.iter().filter(|(of, ..)| *of == page).map(|(_, part, _)| *part).collect();
    let allowed = |member: &String| entries.iter().any(|part| member.contains(part));
    let different = || own.symmetric_difference(real);
    let more: Vec<&String> = own.difference(real).filter(|member| !allowed(member)).collect();
    let less: Vec<&String> = real.difference(own).filter(|member| !allowed(member)).collect();
    assert!(more.is_empty() && less.is_empty(), "{page}: only in the lab: {more:#?}\nonly recorded: {less:#?}");
    for part in entries {
        assert!(different().any(|member| member.contains(part)), "{page}: {part} need not be allowed any more");
    }
}

/// The same keys with the same types.
fn assert_shape(page: &str, own: &Value, real: &Value) {
    let (mut a, mut b) = (BTreeSet::new(), BTreeSet::new());
    shape(own, "", &mut a);
    shape(real, "", &mut b);
    assert_same(page, &a, &b);
}

/// Without the times, which are of another day.
fn timeless(mut value: Value) -> Value {
    fn strip(value: &mut Value) {
        match value {
            Value::Object(map) => {
                map.remove("last_updated");
                map.values_mut().for_each(strip);
            }
            Value::Array(list) => list.iter_mut().for_each(strip),
            _ => {}
        }
    }
    strip(&mut value);
    value
}

fn part<'a>(dump: &'a Value, kind: &str) -> &'a Value {
    dump["configs"].as_array().unwrap().iter().find(|config| config["@type"].as_str().unwrap().ends_with(kind)).unwrap()
}

fn cluster<'a>(dump: &'a Value, name: &str) -> &'a Value {
    part(dump, "v3.ClustersConfigDump")["dynamic_active_clusters"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["cluster"]["name"] == name)
        .unwrap()
}

#[tokio::test]
async fn clusters_are_those_that_istiod_gave_a_real_envoy() {
    let bench = bench();
    for (app, names) in [
        (
            "front",
            vec![
                OUTBOUND,
                "outbound|8080|v1|graph-core.summit.svc.cluster.local",
                "BlackHoleCluster",
                "PassthroughCluster",
                "InboundPassthroughCluster",
            ],
        ),
        ("graph-core", vec!["inbound|8080||", OUTBOUND]),
    ] {
        let pod = &bench.pods("summit", app)[0];
        let own = bench.json("summit", pod, 15000, "/config_dump?include_eds").await;
        let real = recorded_json(&format!("envoy/{app}.config_dump.json"));
        for name in names {
            assert_eq!(timeless(cluster(&own, name).clone()), timeless(cluster(&real, name).clone()), "{app}: {name}");
        }
        let parts = |dump: &Value| {
            dump["configs"].as_array().unwrap().iter().map(|config| config["@type"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(parts(&own), parts(&real));
    }
}

#[tokio::test]
async fn a_dump_has_the_shape_and_size_of_a_real_one() {
    let bench = bench();
    let pod = &bench.pods("summit", "front")[0];
    let body = bench.get("summit", pod, 15000, "/config_dump?include_eds").await;
    assert!(body.len() > 200_000, "{} bytes", body.len());
    let own: Value = serde_json::from_str(&body).unwrap();
    let real = recorded_json("envoy/front.config_dump.json");
    for kind in [
        "ClustersConfigDump",
        "EndpointsConfigDump",
        "ListenersConfigDump",
        "RoutesConfigDump",
        "SecretsConfigDump",
        "BootstrapConfigDump",
        "ScopedRoutesConfigDump",
    ] {
        let message = format!("v3.{kind}");
        assert_shape(kind, part(&own, &message), part(&real, &message));
    }
}

#[tokio::test]
async fn routes_are_equal() {
    let bench = bench();
    let pod = &bench.pods("summit", "front")[0];
    let host = |dump: &Value| {
        let routes = part(dump, "v3.RoutesConfigDump")["dynamic_route_configs"].as_array().unwrap();
        let route = routes.iter().find(|route| route["route_config"]["name"] == "8080").unwrap();
        let mut host = route["route_config"]["virtual_hosts"][0].clone();
        // The Service's address is another.
        host["domains"].as_array_mut().unwrap().pop();
        host
    };
    let own = bench.json("summit", pod, 15000, "/config_dump").await;
    assert_eq!(host(&own), host(&recorded_json("envoy/front.config_dump.json")));
}

#[tokio::test]
async fn mask_resource_and_name_regex_cut_as_envoy_does() {
    let bench = bench();
    let pod = &bench.pods("summit", "front")[0];
    let masked = bench
        .json(
            "summit",
            pod,
            15000,
            "/config_dump?mask=dynamic_active_clusters,dynamic_warming_clusters,static_clusters",
        )
        .await;
    assert_shape("config_dump", &masked, &recorded_json("envoy/front.config_dump.clusters.json"));
    let one = bench.json("summit", pod, 15000, "/config_dump?resource=dynamic_active_clusters&name_regex=outbound%5C%7C8080%5C%7C%5C%7Cgraph-core.summit.svc.cluster.local").await;
    assert_eq!(one["configs"].as_array().unwrap().len(), 1);
    assert_eq!(one["configs"][0]["@type"], "type.googleapis.com/envoy.admin.v3.ClustersConfigDump.DynamicCluster");
    let thresholds = bench
        .json(
            "summit",
            pod,
            15000,
            "/config_dump?resource=dynamic_active_clusters&mask=cluster.name,cluster.circuit_breakers",
        )
        .await;
    // As Envoy 1.40 answers: all paths of a mask have to fit one message of the dump, and none leads through a list.
    for refused in [
        "dynamic_active_clusters,dynamic_listeners",
        "dynamic_active_clusters,nosuch",
        "dynamic_active_clusters.cluster",
    ] {
        let path = format!("/config_dump?mask={refused}");
        let (status, body) = bench.ask("GET", "summit", pod, 15000, &path).await;
        assert_eq!(status, StatusCode::BAD_REQUEST);
        assert_eq!(body, format!("FieldMask {refused} could not be successfully applied to any configs."));
    }
    let keys: Vec<&String> = thresholds["configs"][4]["cluster"].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["name", "circuit_breakers"]);
    assert_eq!(bench.get("summit", pod, 15000, "/config_dump?resource=dynamic_warming_clusters").await, "{}\n");
    assert_eq!(bench.ask("GET", "summit", pod, 15000, "/config_dump?resource=nonsense").await.0, StatusCode::NOT_FOUND);
    assert_eq!(
        bench.ask("GET", "summit", pod, 15000, "/config_dump?resource=dynamic_active_clusters&name_regex=%28").await.0,
        StatusCode::BAD_REQUEST
    );
}

#[tokio::test]
async fn cluster_statuses_have_their_shape() {
    let bench = bench();
    for app in ["front", "graph-core"] {
        let pod = &bench.pods("summit", app)[0];
        let own = bench.json("summit", pod, 15000, "/clusters?format=json").await;
        assert_shape("clusters", &own, &recorded_json(&format!("envoy/{app}.clusters.json")));
    }
}

/// Names of statistics, with every cluster but graph-core's own left out.
fn names(page: &Value) -> BTreeSet<String> {
    let stats = page["stats"].as_array().unwrap();
    let plain = stats.iter().filter_map(|stat| stat["name"].as_str());
    let histograms = stats
        .iter()
        .flat_map(|stat| stat["histograms"]["computed_quantiles"].as_array().into_iter().flatten())
        .filter_map(|stat| stat["name"].as_str());
    plain
        .chain(histograms)
        .filter(|name| !name.starts_with("cluster.") || name.contains("|8080|") || name.starts_with("cluster.xds-grpc"))
        .map(str::to_owned)
        .collect()
}

#[tokio::test]
async fn statistics_are_those_that_a_real_proxy_exports() {
    let bench = bench();
    for app in ["front", "front-stats", "graph-core"] {
        let pod = &bench.pods("summit", app)[0];
        let own = names(&bench.json("summit", pod, 15000, "/stats?format=json").await);
        let real = names(&recorded_json(&format!("envoy/{app}.stats.json")));
        assert_same(&format!("stats of {app}"), &own, &real);
    }
}

#[tokio::test]
async fn the_breaker_of_one_trips_as_recorded() {
    let bench = bench();
    let pod = &bench.pods("summit", "front-stats")[0];
    let real = recorded_json("envoy/front-stats.stats.json");
    let value = |page: &Value, name: &str| {
        page["stats"]
            .as_array()
            .unwrap()
            .iter()
            .find(|stat| stat["name"] == format!("cluster.{OUTBOUND};.{name}"))
            .unwrap()["value"]
            .as_u64()
            .unwrap()
    };
    let before = bench.json("summit", pod, 15000, "/stats?format=json").await;
    bench.advance(2);
    let after = bench.json("summit", pod, 15000, "/stats?format=json").await;
    for name in ["upstream_rq_pending_overflow", "upstream_rq_active_overflow", "upstream_rq_200"] {
        // Recorded were two seconds from the start on.
        let (own, real) = (value(&after, name) - value(&before, name), value(&real, name));
        assert!(own > real / 3 && own < real * 3, "{name}: {own} in the lab, {real} recorded");
    }
}

#[tokio::test]
async fn prometheus_form_names_metrics_and_labels_as_recorded() {
    let bench = bench();
    let pod = &bench.pods("summit", "front-stats")[0];
    let kinds = |page: &str| {
        page.lines()
            .filter_map(|line| line.strip_prefix("# TYPE "))
            .filter(|line| line.starts_with("envoy_"))
            .map(str::to_owned)
            .collect::<BTreeSet<_>>()
    };
    let own = kinds(&bench.get("summit", pod, 15000, "/stats/prometheus").await);
    let real = kinds(&recorded("envoy/front-stats.stats.prometheus.txt"));
    assert_same("stats/prometheus", &own, &real);
    let series = "envoy_cluster_upstream_rq{cluster_name=\"outbound|8080||graph-core.summit.svc.cluster.local\",response_code=\"503\"}";
    assert!(bench.get("summit", pod, 15020, "/stats/prometheus").await.contains(series));
}

#[tokio::test]
async fn small_pages_are_as_recorded() {
    let bench = bench();
    let pod = &bench.pods("summit", "front-stats")[0];
    for (name, path) in [
        ("memory", "/memory"),
        ("certs", "/certs"),
        ("listeners", "/listeners?format=json"),
        ("server_info", "/server_info"),
    ] {
        let own = bench.json("summit", pod, 15000, path).await;
        assert_shape(name, &own, &recorded_json(&format!("envoy/front-stats.{name}.json")));
    }
    assert_eq!(bench.get("summit", pod, 15000, "/ready").await, "LIVE\n");
    assert_eq!(
        bench.ask("POST", "summit", pod, 15000, "/logging").await,
        (StatusCode::OK, recorded("envoy/front-stats.logging.txt"))
    );
    assert_eq!(
        bench.ask("GET", "summit", pod, 15000, "/logging").await,
        (StatusCode::METHOD_NOT_ALLOWED, "Method GET not allowed, POST required.".into())
    );
    let (status, body) = bench.ask("GET", "summit", pod, 15000, "/nope").await;
    assert_eq!(status, StatusCode::NOT_FOUND);
    assert!(body.starts_with("invalid path. admin commands are:"));
    assert_eq!(bench.ask("GET", "summit", pod, 15021, "/healthz/ready").await.0, StatusCode::OK);
}

#[tokio::test]
async fn log_levels_change_one_by_one_and_all_at_once() {
    let bench = bench();
    let pod = &bench.pods("summit", "front")[0];
    let level = |page: &str, logger: &str| {
        page.lines().find_map(|line| line.trim().strip_prefix(&format!("{logger}: ")).map(str::to_owned))
    };
    let (_, page) = bench.ask("POST", "summit", pod, 15000, "/logging?paths=upstream:debug,connection:trace").await;
    assert_eq!(
        (level(&page, "upstream").as_deref(), level(&page, "connection").as_deref(), level(&page, "http").as_deref()),
        (Some("debug"), Some("trace"), Some("warning"))
    );
    let (_, page) = bench.ask("POST", "summit", pod, 15000, "/logging?level=info").await;
    assert_eq!(level(&page, "misc").as_deref(), Some("info"));
    let (status, page) = bench.ask("POST", "summit", pod, 15000, "/logging?http=none").await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "{page}");
}

#[tokio::test]
async fn istiods_pages_have_their_shape() {
    let bench = bench();
    let pod = &bench.pods("istio-system", "istiod")[0];
    for page in ["syncz", "registryz", "configz", "connections", "mesh", "clusterz"] {
        let own = bench.json("istio-system", pod, 15014, &format!("/debug/{page}")).await;
        let page = format!("debug/{page}");
        assert_shape(&page, &own, &recorded_json(&format!("istiod/{}", page.replace('/', "."))));
    }
    assert_eq!(bench.get("istio-system", pod, 15014, "/version").await, recorded("istiod/version"));
    assert_eq!(bench.get("istio-system", pod, 15014, "/debug/list").await, recorded("istiod/debug.list"));
    let names = |page: &str| {
        page.lines().filter_map(|line| line.strip_prefix("# TYPE ")).map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(names(&bench.get("istio-system", pod, 15014, "/metrics").await), names(&recorded("istiod/metrics")));
}

#[tokio::test]
async fn a_push_is_seen_in_syncz_before_it_is_acknowledged() {
    let world = World::parse(WORLD)
        .unwrap()
        .set("faults.proxy", serde_json::json!([{"workload": "front", "kind": "laggard", "delay": "20s"}]))
        .unwrap();
    let bench = Bench::new(world);
    let istiod = bench.pods("istio-system", "istiod")[0].clone();
    let front = bench.pods("summit", "front")[0].clone();
    bench.set_limits(500);
    let mut stale = BTreeMap::new();
    for seconds in [2, 30] {
        bench.advance(seconds);
        let page = bench.json("istio-system", &istiod, 15014, "/debug/syncz").await;
        let late: Vec<String> = page
            .as_array()
            .unwrap()
            .iter()
            .filter(|one| one["cluster_sent"] != one["cluster_acked"])
            .map(|one| one["proxy"].as_str().unwrap().to_owned())
            .collect();
        let dump = bench
            .json(
                "summit",
                &front,
                15000,
                "/config_dump?resource=dynamic_active_clusters&name_regex=outbound.8080..graph-core.%2A",
            )
            .await;
        stale.insert(
            seconds,
            (late, dump["configs"][0]["cluster"]["circuit_breakers"]["thresholds"][0]["max_connections"].clone()),
        );
    }
    assert_eq!(stale[&2], (vec![format!("{front}.summit")], Value::from(1)));
    assert_eq!(stale[&30], (Vec::new(), Value::from(500)));
}

/// A line's form: numbers, addresses and ids replaced.
fn form(line: &str) -> String {
    let start = line.find('[').map_or(line, |at| &line[at..]);
    let ids = regex::Regex::new(r#"[0-9a-f]{8}-[0-9a-f-]{27}"#).unwrap().replace_all(start, "ID").into_owned();
    let agents =
        regex::Regex::new(r#""-" "[^"]*" "ID""#).unwrap().replace_all(&ids, "\"-\" \"AGENT\" \"ID\"").into_owned();
    let times = regex::Regex::new(r"^\[[^\]]*\]").unwrap().replace_all(&agents, "[T]").into_owned();
    regex::Regex::new(r"\d+(\.\d+)*(:\d+)?").unwrap().replace_all(&times, "N").into_owned()
}

#[tokio::test]
async fn access_logs_have_the_form_of_the_recorded_lines() {
    let keys = |text: &str, wanted: &str| {
        text.lines().find(|line| line.contains(wanted)).map(form).unwrap_or_else(|| panic!("no line with {wanted}"))
    };
    let lines = |bench: &Bench, app: &str| {
        let pod = bench.pods("summit", app)[0].clone();
        bench
            .mesh
            .logs("summit", &pod, "istio-proxy")
            .unwrap()
            .into_iter()
            .map(|(_, line)| line)
            .collect::<Vec<_>>()
            .join("\n")
    };
    let breaker = bench();
    assert_eq!(keys(&lines(&breaker, "front"), " 503 UO "), keys(&recorded("faults/UO-breaker.txt"), " 503 UO "));
    assert_eq!(keys(&lines(&breaker, "front"), " 200 - "), keys(&recorded("faults/ok.txt"), "outbound|8080"));
    assert_eq!(keys(&lines(&breaker, "graph-core"), " 200 - "), keys(&recorded("faults/ok.txt"), "inbound|8080"));
    let faulty = |path: &str, value: Value| Bench::new(World::parse(WORLD).unwrap().set(path, value).unwrap());
    let gone = faulty("workload.graph-core.replicas", 0.into());
    assert_eq!(keys(&lines(&gone, "front"), " UH "), keys(&recorded("faults/UH-no-endpoints.txt"), " UH "));
    let down = faulty("workload.graph-core.down", true.into());
    assert_eq!(keys(&lines(&down, "front"), " 503 - "), keys(&recorded("faults/UF-application-down.txt"), " 503 - "));
    assert_eq!(
        keys(&lines(&down, "graph-core"), " URX,UF "),
        keys(&recorded("faults/UF-application-down.txt"), " URX,UF ")
    );
    let subset = faulty(
        "objects.VirtualService/graph-core.spec.http",
        serde_json::json!([{"route": [{"destination": {"host": "graph-core", "subset": "v9"}}]}]),
    );
    assert_eq!(keys(&lines(&subset, "front"), " NC "), keys(&recorded("faults/NC-unknown-subset.txt"), " NC "));
    let unmatched = faulty(
        "objects.VirtualService/graph-core.spec.http",
        serde_json::json!([{"match": [{"headers": {"x-test": {"exact": "canary"}}}], "route": [{"destination": {"host": "graph-core"}}]}]),
    );
    assert_eq!(keys(&lines(&unmatched, "front"), " NR "), keys(&recorded("faults/NR-no-route-matches.txt"), " NR "));
    let timeout = faulty(
        "objects.VirtualService/graph-core.spec.http",
        serde_json::json!([{"timeout": "0.010s", "retries": {"attempts": 0}, "route": [{"destination": {"host": "graph-core"}}]}]),
    );
    assert_eq!(keys(&lines(&timeout, "front"), " UT "), keys(&recorded("faults/UT-timeout.txt"), " UT "));
}

#[tokio::test]
async fn failed_handshakes_are_logged_as_recorded() {
    let line = |text: &str, wanted: &str| text.lines().find(|line| line.contains(wanted)).map(form);
    for (world, app, wanted, fault) in [
        ("mtls-disabled-by-rule", "front", " UC ", "mtls-strict-and-destination-rule-disable"),
        ("mtls-disabled-by-rule", "graph-core", " NR ", "mtls-strict-and-destination-rule-disable"),
        ("mtls-plaintext-caller", "graph-core", " NR ", "mtls-strict-and-plaintext-caller"),
        ("mtls-plaintext-caller", "graph-core", " 200 ", "mtls-strict-and-sidecar-caller-works"),
        ("mtls-simple-by-rule", "front", " URX,UF ", "mtls-strict-and-destination-rule-simple"),
        ("mtls-expired-certificate", "front", " URX,UF ", "mtls-expired-server-certificate"),
        ("mtls-two-roots", "front", " URX,UF ", "mtls-server-of-another-root"),
        ("mtls-missing-sidecar", "front", " URX,UF ", "mtls-server-without-sidecar"),
    ] {
        let bench = Bench::new(World::named(world).unwrap());
        let pod = bench.pods("summit", app)[0].clone();
        let log: Vec<String> =
            bench.mesh.logs("summit", &pod, "istio-proxy").unwrap().into_iter().map(|(_, line)| line).collect();
        let real = recorded(&format!("faults/{fault}.txt"));
        let real = real
            .lines()
            .filter(|line| app == "front" || line.contains(" NR ") || line.contains("inbound|"))
            .collect::<Vec<_>>()
            .join("\n");
        let own: Vec<&str> = log
            .iter()
            .map(String::as_str)
            .filter(|line| !line.contains("catalog") && !line.contains("\"graph-core:8080\""))
            .collect();
        assert!(line(&real, wanted).is_some(), "{fault} has {wanted}");
        assert_eq!(line(&own.join("\n"), wanted), line(&real, wanted), "{world}");
    }
}

#[tokio::test]
async fn faulty_admin_pages() {
    let world = |kind: &str| {
        World::named("breaker")
            .unwrap()
            .set("faults.proxy", serde_json::json!([{"workload": "front", "pod": 1, "kind": kind}]))
            .unwrap()
    };
    let front = |bench: &Bench| bench.pods("summit", "front")[1].clone();
    let bench = Bench::new(world("admin-503"));
    assert_eq!(bench.ask("GET", "summit", &front(&bench), 15000, "/stats").await.0, StatusCode::SERVICE_UNAVAILABLE);
    let bench = Bench::new(world("admin-hangs"));
    let pod = front(&bench);
    let asked =
        tokio::time::timeout(std::time::Duration::from_millis(200), bench.ask("GET", "summit", &pod, 15000, "/stats"))
            .await;
    assert!(asked.is_err(), "it does not answer");
    let bench = Bench::new(world("unreachable"));
    assert!(bench.mesh.port("summit", &front(&bench), 15000).is_none());
    let bench = Bench::new(world("huge-counter"));
    let value = bench.stat(&front(&bench), &format!("cluster.{OUTBOUND};.upstream_rq_pending_overflow")).await.unwrap();
    assert!(value > i64::MAX as u64, "{value}");
    let bench = Bench::new(world("terminating"));
    bench.advance(60);
    let pods = bench.store.list("", "pods", Some("summit"));
    let terminating: Vec<_> = pods.iter().filter(|pod| pod["metadata"]["deletionTimestamp"].is_string()).collect();
    assert_eq!(terminating.len(), 1);
    let bench = Bench::new(world("stuck"));
    bench.set_limits(500);
    bench.advance(60);
    let dump = bench
        .json(
            "summit",
            &front(&bench),
            15000,
            "/config_dump?resource=dynamic_active_clusters&name_regex=outbound.8080..graph-core.%2A",
        )
        .await;
    assert_eq!(dump["configs"][0]["cluster"]["circuit_breakers"]["thresholds"][0]["max_connections"], 4);
}

#[tokio::test]
async fn a_crowd_of_fifty_has_dumps_of_a_real_ones_size() {
    let crowd = serde_json::json!({"proxies": 50, "calls": "graph-core.summit:8080", "rate": 0.5, "services": 20});
    let bench =
        Bench::new(World::named("breaker").unwrap().set("crowd", crowd).unwrap().set("warm_up", "10s").unwrap());
    let pod = &bench.pods("summit", "crowd-7")[0];
    let size = bench.get("summit", pod, 15000, "/config_dump").await.len();
    assert!(size > 300_000, "{size} bytes");
}
