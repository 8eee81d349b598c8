//! The rows of each page, in the columns of `istioctl proxy-config`.
//!
//! Sources: `istioctl/pkg/writer/envoy/configdump/{cluster,listener,route,secret}.go` and `clusters/clusters.go` for what
//! the columns hold; `envoy.admin.v3.{ClustersConfigDump,ListenersConfigDump,RoutesConfigDump,SecretsConfigDump,Clusters,
//! Memory,ServerInfo}` for the pages. Fields that a script reads bear the names of those messages.

mod listeners;
mod routes;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::Row;
use crate::envoy::secrets::{Certificate, certificates};
use crate::envoy::{ClusterName, counter, server_info};
use crate::rule::Limits;
use crate::text::{bytes, figure};

pub use listeners::{LISTENERS, listeners};
pub use routes::{ROUTES, routes};

fn list<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = &'a Value> {
    value.get(key).and_then(Value::as_array).into_iter().flatten()
}

fn text<'a>(value: &'a Value, pointer: &str) -> &'a str {
    value.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

fn or_dash(text: &str) -> String {
    if text.is_empty() { "-".into() } else { text.to_owned() }
}

fn object(page: &str, name: &str) -> Result<Value, String> {
    let page: Value = serde_json::from_str(page).map_err(|error| format!("its {name} page is not JSON: {error}"))?;
    if page.is_object() { Ok(page) } else { Err(format!("its {name} page is not an object")) }
}

/// The members of these lists of a dump.
fn members(page: &str, lists: &[&str]) -> Result<Vec<Value>, String> {
    let page = object(page, "/config_dump")?;
    let configs: Vec<&Value> = list(&page, "configs").collect();
    Ok(lists.iter().flat_map(|name| configs.iter().flat_map(|config| list(config, name))).cloned().collect())
}

/// `graph-core.summit`, from `/apis/networking.istio.io/v1/namespaces/summit/KIND/graph-core`.
fn from_config(metadata: &Value) -> String {
    let path = text(metadata, "/filter_metadata/istio/config");
    let mut parts = path.rsplit('/');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(_), Some(namespace)) if !name.is_empty() => format!("{name}.{namespace}"),
        _ => String::new(),
    }
}

/// Clusters: SERVICE FQDN, PORT, SUBSET, DIRECTION, TYPE, DESTINATION RULE.
pub const CLUSTERS: &[&str] = &["SERVICE FQDN", "PORT", "SUBSET", "DIRECTION", "TYPE", "DESTINATION RULE"];

/// Reads `/config_dump?mask=dynamic_active_clusters,static_clusters`.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn clusters(page: &str) -> Result<Vec<Row>, String> {
    let all = members(page, &["dynamic_active_clusters", "static_clusters"])?;
    let mut rows: Vec<Row> = all.iter().filter_map(|one| one.get("cluster")).map(cluster).collect();
    let port = |row: &Row| row.fields["port"].as_u64();
    rows.sort_by(|a, b| (&a.cells[0], port(a), &a.cells).cmp(&(&b.cells[0], port(b), &b.cells)));
    Ok(rows)
}

fn cluster(one: &Value) -> Row {
    let name = text(one, "/name");
    let parsed = ClusterName::parse(name);
    // proto-JSON omits the first value of an enum, and that is STATIC.
    let kind = Some(text(one, "/type")).filter(|kind| !kind.is_empty()).unwrap_or("STATIC");
    let rule = from_config(one.get("metadata").unwrap_or(&Value::Null));
    let limits = Limits::of_envoy(one);
    let (host, port, subset, direction) = match &parsed {
        Some(parsed) => {
            let direction = if parsed.is_inbound() { "inbound" } else { "outbound" };
            (parsed.host.as_str(), parsed.port.to_string(), parsed.subset.as_str(), direction)
        }
        None => (name, String::new(), "", ""),
    };
    Row {
        cells: vec![
            host.to_owned(),
            or_dash(&port),
            or_dash(subset),
            or_dash(direction),
            kind.to_owned(),
            rule.clone(),
        ],
        fields: json!({
            "name": name, "host": host, "port": parsed.as_ref().map(|parsed| parsed.port), "subset": subset, "direction": direction, "type": kind,
            "destination_rule": rule, "max_connections": limits.max_connections, "max_pending_requests": limits.max_pending_requests,
            "max_requests": limits.max_requests, "outlier_detection": one.get("outlier_detection"), "connect_timeout": text(one, "/connect_timeout"),
        }),
    }
}

/// Endpoints: ENDPOINT, STATUS, OUTLIER CHECK, CLUSTER.
pub const ENDPOINTS: &[&str] = &["ENDPOINT", "STATUS", "OUTLIER CHECK", "CLUSTER"];

/// Reads `/clusters?format=json`.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn endpoints(page: &str) -> Result<Vec<Row>, String> {
    let page = object(page, "/clusters")?;
    let mut rows = Vec::new();
    for status in list(&page, "cluster_statuses") {
        let cluster = text(status, "/name");
        for host in list(status, "host_statuses") {
            let socket = host.pointer("/address/socket_address");
            let port = socket.and_then(|socket| socket.get("port_value")).and_then(Value::as_u64).unwrap_or(0);
            let endpoint = match socket {
                Some(socket) => format!("{}:{port}", text(socket, "/address")),
                None => format!("unix://{}", text(host, "/address/pipe/path")),
            };
            let flag = |name: &str| host.pointer(&format!("/health_status/{name}")) == Some(&Value::Bool(true));
            let status = Some(text(host, "/health_status/eds_health_status"))
                .filter(|status| !status.is_empty())
                .unwrap_or("UNKNOWN");
            let check = if flag("failed_outlier_check") { "FAILED" } else { "OK" };
            let stat = |name: &str| {
                let found = list(host, "stats").find(|stat| text(stat, "/name") == name);
                found.and_then(|stat| stat.get("value")).and_then(counter).unwrap_or(0.0)
            };
            rows.push(Row {
                cells: vec![endpoint.clone(), status.to_owned(), check.to_owned(), cluster.to_owned()],
                fields: json!({
                    "endpoint": endpoint, "status": status, "ejected": check == "FAILED", "cluster": cluster,
                    "rq_total": stat("rq_total"), "rq_error": stat("rq_error"), "rq_active": stat("rq_active"),
                    "cx_active": stat("cx_active"), "cx_connect_fail": stat("cx_connect_fail"),
                }),
            });
        }
    }
    rows.sort_by(|a, b| (&a.cells[3], &a.cells[0]).cmp(&(&b.cells[3], &b.cells[0])));
    Ok(rows)
}

/// Certificates: RESOURCE NAME, TYPE, STATUS, VALID CERT, SERIAL NUMBER, NOT AFTER, NOT BEFORE.
pub const CERTIFICATES: &[&str] =
    &["RESOURCE NAME", "TYPE", "STATUS", "VALID CERT", "SERIAL NUMBER", "NOT AFTER", "NOT BEFORE"];

/// Reads `/config_dump?mask=dynamic_active_secrets,dynamic_warming_secrets`.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn secrets(page: &str, now: Timestamp) -> Result<Vec<Row>, String> {
    let mut rows = Vec::new();
    for (key, status) in [("dynamic_active_secrets", "ACTIVE"), ("dynamic_warming_secrets", "WARMING")] {
        for secret in members(page, &[key])? {
            let name = text(&secret, "/name");
            let chain = secret.pointer("/secret/tls_certificate/certificate_chain/inline_bytes");
            let roots = secret.pointer("/secret/validation_context/trusted_ca/inline_bytes");
            let kind = if chain.is_some() || roots.is_none() { "Cert Chain" } else { "CA" };
            let pem =
                chain.or(roots).and_then(Value::as_str).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default();
            let all = certificates(&pem);
            if all.is_empty() {
                let cells = [name, kind, status, "false", "-", "-", "-"].map(str::to_owned).to_vec();
                rows.push(Row {
                    cells,
                    fields: json!({ "name": name, "type": kind, "status": status, "valid": false, "place": 0 }),
                });
            }
            for (place, der) in all.iter().enumerate() {
                // A chain is shown by its first certificate, as istioctl does; every root that is trusted counts.
                if kind == "Cert Chain" && place > 0 {
                    break;
                }
                let read = Certificate::of(der);
                let valid = read.as_ref().is_some_and(|one| !one.is_expired(now));
                let of = |what: &dyn Fn(&Certificate) -> String| read.as_ref().map_or("unreadable".into(), what);
                let (serial, until, from) =
                    (of(&|one| one.serial.clone()), of(&|one| one.until.to_string()), of(&|one| one.from.to_string()));
                rows.push(Row {
                    cells: vec![name.into(), kind.into(), status.into(), valid.to_string(), serial.clone(), until.clone(), from.clone()],
                    fields: json!({
                        "name": name, "type": kind, "status": status, "valid": valid, "serial": serial, "not_after": until, "not_before": from,
                        "subject": read.as_ref().map(|one| one.subject.clone()), "alternative_names": read.as_ref().map(|one| one.alternative_names.clone()),
                        "seconds_left": read.as_ref().map(|one| one.until.as_second() - now.as_second()), "chain": all.len(),
                    }),
                });
            }
        }
    }
    Ok(rows)
}

/// Memory: ALLOCATED, HEAP, FREE IN HEAP, PHYSICAL.
pub const MEMORY: &[&str] = &["ALLOCATED", "HEAP", "FREE IN HEAP", "PHYSICAL"];

/// Reads `/memory`.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn memory(page: &str) -> Result<Vec<Row>, String> {
    let page = object(page, "/memory")?;
    let of = |name: &str| page.get(name).and_then(counter).ok_or_else(|| format!("its /memory page names no {name}"));
    // 64-bit numbers are strings, and nought may be left out.
    let or_nought = |name: &str| page.get(name).and_then(counter).unwrap_or(0.0);
    let (allocated, heap, free) = (of("allocated")?, of("heap_size")?, or_nought("pageheap_free"));
    let physical = page.get("total_physical_bytes").and_then(counter);
    Ok(vec![Row {
        cells: vec![bytes(allocated), bytes(heap), bytes(free), physical.map_or("-".into(), bytes)],
        fields: json!({ "allocated": allocated, "heap_size": heap, "pageheap_free": free, "total_thread_cache": or_nought("total_thread_cache"), "total_physical_bytes": physical }),
    }])
}

/// Server info: STATE, ENVOY, ISTIO, UPTIME, THREADS.
pub const SERVER_INFO: &[&str] = &["STATE", "ENVOY", "ISTIO", "UPTIME", "THREADS"];

/// Reads `/server_info`.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn server(page: &str) -> Result<Vec<Row>, String> {
    let info = server_info::parse(page)?;
    let uptime = meshbook_runtime::value::Span(std::time::Duration::from_secs(info.uptime.as_secs()));
    let threads = info.concurrency.map_or("-".into(), |threads| threads.to_string());
    Ok(vec![Row {
        cells: vec![info.state.clone(), info.envoy.clone(), or_dash(&info.istio), uptime.to_string(), threads],
        fields: json!({ "state": info.state, "envoy": info.envoy, "istio": info.istio, "uptime_seconds": info.uptime.as_secs(), "concurrency": info.concurrency }),
    }])
}

/// Statistics: NAME, VALUE.
pub const STATS: &[&str] = &["NAME", "VALUE"];

/// Reads `/stats?format=json`; histograms are left out.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn stats(page: &str) -> Result<Vec<Row>, String> {
    let page = object(page, "/stats")?;
    let mut rows = Vec::new();
    for stat in list(&page, "stats") {
        let (name, Some(value)) = (text(stat, "/name"), stat.get("value")) else { continue };
        let shown = match (value, counter(value)) {
            (Value::String(text), None) => crate::text::first_line(text),
            (_, Some(number)) => figure(number),
            (other, None) => other.to_string(),
        };
        rows.push(Row { cells: vec![name.to_owned(), shown], fields: json!({ "name": name, "value": value }) });
    }
    Ok(rows)
}

/// Resources of the configuration: NAME, LAST UPDATED.
pub const CONFIG: &[&str] = &["NAME", "LAST UPDATED"];

/// What a resource is called in a script, its lists in a dump, and where a member of them holds it.
pub const RESOURCES: [(&str, &[&str], &str); 6] = [
    ("bootstrap", &["bootstrap"], ""),
    ("clusters", &["dynamic_active_clusters", "dynamic_warming_clusters", "static_clusters"], "/cluster"),
    ("endpoints", &["dynamic_endpoint_configs", "static_endpoint_configs"], "/endpoint_config"),
    ("listeners", &["dynamic_listeners", "static_listeners"], "/active_state/listener"),
    ("routes", &["dynamic_route_configs", "static_route_configs"], "/route_config"),
    ("secrets", &["dynamic_active_secrets", "dynamic_warming_secrets"], "/secret"),
];

/// Reads a dump of one resource; each row's `raw` is what Envoy wrote.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn config(page: &str, lists: &[&str], place: &str) -> Result<Vec<Row>, String> {
    let row = |one: &Value, name: &str| Row {
        cells: vec![or_dash(name), or_dash(text(one, "/last_updated"))],
        fields: json!({ "name": name, "last_updated": text(one, "/last_updated"), "raw": one }),
    };
    if lists == ["bootstrap"] {
        let page = object(page, "/config_dump")?;
        return Ok(list(&page, "configs")
            .filter(|one| one.get("bootstrap").is_some())
            .map(|one| row(one, "bootstrap"))
            .collect());
    }
    let named = |one: &Value| {
        let inner = one.pointer(place).or_else(|| one.get("listener")).unwrap_or(one);
        [text(inner, "/name"), text(inner, "/cluster_name"), text(one, "/name")]
            .into_iter()
            .find(|name| !name.is_empty())
            .unwrap_or_default()
            .to_owned()
    };
    Ok(members(page, lists)?.iter().map(|one| row(one, &named(one))).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DUMP: &str = include_str!("../../testdata/istio-1.31/config_dump.front.json");
    const CLUSTERS_PAGE: &str = include_str!("../../testdata/istio-1.31/clusters.front-stats.json");
    const SECRETS: &str = include_str!("../../testdata/istio-1.31/config_dump.secrets.json");

    fn cells(rows: &[Row], first: &str) -> Vec<Vec<String>> {
        rows.iter().filter(|row| row.cells[0] == first).map(|row| row.cells.clone()).collect()
    }

    #[test]
    fn clusters_are_as_istioctl_shows_them() {
        let rows = clusters(DUMP).expect("a recorded page");
        let own = cells(&rows, "graph-core.summit.svc.cluster.local");
        assert_eq!(
            own,
            [
                ["graph-core.summit.svc.cluster.local", "8080", "-", "outbound", "EDS", "graph-core.summit"],
                ["graph-core.summit.svc.cluster.local", "8080", "v1", "outbound", "EDS", "graph-core.summit"],
            ]
        );
        assert_eq!(cells(&rows, "BlackHoleCluster"), [["BlackHoleCluster", "-", "-", "-", "STATIC", ""]]);
    }

    #[test]
    fn listeners_and_routes_are_as_istioctl_shows_them() {
        let rows = listeners(DUMP).expect("a recorded page");
        let of = |port: &str| {
            rows.iter().filter(|row| row.cells[1] == port).map(|row| row.cells.join(" | ")).collect::<Vec<_>>()
        };
        assert_eq!(
            of("80"),
            [
                "0.0.0.0 | 80 | Trans: raw_buffer; App: http/1.1,h2c | Route: 80",
                "0.0.0.0 | 80 | ALL | PassthroughCluster"
            ]
        );
        assert!(
            of("15001").contains(&"0.0.0.0 | 15001 | Addr: *:15001 | Non-HTTP/Non-TCP".to_owned()),
            "{:?}",
            of("15001")
        );
        let rows = routes(DUMP).expect("a recorded page");
        let own =
            rows.iter().filter(|row| row.cells[0] == "80" && row.cells[1].starts_with("graph-core.summit")).count();
        assert_eq!(own, 2);
        assert!(rows.iter().any(|row| row.cells[0] == "80" && row.cells[4] == "graph-core.summit"));
    }

    #[test]
    fn endpoints_and_certificates_are_as_istioctl_shows_them() {
        let rows = endpoints(CLUSTERS_PAGE).expect("a recorded page");
        assert!(
            rows.iter()
                .any(|row| row.cells[1..] == ["HEALTHY", "OK", "outbound|8080||graph-core.summit.svc.cluster.local"])
        );
        // Recorded with `resource=`: the same members, without the list around them.
        let recorded: Value = serde_json::from_str(SECRETS).expect("JSON");
        let page = json!({ "configs": [{ "dynamic_active_secrets": recorded["configs"] }] }).to_string();
        let rows = secrets(&page, "2026-11-23T18:00:00Z".parse().expect("a time")).expect("a recorded page");
        let told: Vec<_> = rows.iter().map(|row| row.cells.join(" ")).collect();
        assert_eq!(
            told,
            [
                "default Cert Chain ACTIVE true bf39854b739d58b1f1902b1f47d43e49 2026-11-24T17:34:31Z 2026-11-23T17:32:31Z",
                "ROOTCA CA ACTIVE true 236e510ea84e5cd140e9445502cebbfd 2036-11-20T17:34:17Z 2026-11-23T17:34:17Z",
            ]
        );
        assert_eq!(rows[0].fields["alternative_names"], json!(["spiffe://cluster.local/ns/summit/sa/default"]));
        assert_eq!(
            secrets(&page, "2026-12-23T18:00:00Z".parse().expect("a time")).expect("a page")[0].cells[3],
            "false"
        );
    }

    #[test]
    fn figures_keep_their_units() {
        let rows = memory(r#"{"allocated":"9339640","heap_size":"16777216","pageheap_free":"4251648","total_physical_bytes":"19852094"}"#).expect("a page");
        assert_eq!(rows[0].cells, ["8.91 MiB", "16 MiB", "4.05 MiB", "18.9 MiB"]);
        assert!(memory("{}").is_err());
        let rows = server(include_str!("../../testdata/istio-1.31/server_info.front-stats.json")).expect("a page");
        assert_eq!(rows[0].cells, ["LIVE", "1.40.0", "1.31.0", "34s", "2"]);
        assert!(!stats(include_str!("../../testdata/istio-1.31/stats.front.json")).expect("a page").is_empty());
    }

    #[test]
    fn every_resource_has_named_members() {
        for (name, lists, place) in RESOURCES {
            let rows = config(DUMP, lists, place).expect("a recorded page");
            assert!(name == "endpoints" || name == "secrets" || !rows.is_empty(), "{name}");
            assert!(rows.iter().all(|row| row.fields["raw"].is_object()), "{name}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,200}", json in "[\\[\\]{}:,\"a-z0-9]{0,60}") {
            let now = Timestamp::UNIX_EPOCH;
            for page in [text.as_str(), &json, &format!(r#"{{"configs":[{{"dynamic_active_clusters":[{json}]}}]}}"#)] {
                let _ = (clusters(page), endpoints(page), listeners(page), routes(page), secrets(page, now));
                let _ = (memory(page), server(page), stats(page), config(page, &["dynamic_listeners"], "/x"));
            }
        }
    }
}
