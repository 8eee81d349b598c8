//! Routes in the order in which each virtual host tries them, as `istioctl proxy-config route` shows them.

use serde_json::{Value, json};

use super::super::Row;
use super::{from_config, list, members, or_dash, text};

/// Routes: NAME, VHOST NAME, MATCH, CLUSTER, VIRTUAL SERVICE. Domains are a field, and too wide for a screen.
pub const ROUTES: &[&str] = &["NAME", "VHOST NAME", "MATCH", "TO", "VIRTUAL SERVICE"];

/// Reads `/config_dump?mask=dynamic_route_configs,static_route_configs`.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn routes(page: &str) -> Result<Vec<Row>, String> {
    let all = members(page, &["dynamic_route_configs", "static_route_configs"])?;
    let mut rows = Vec::new();
    for config in all.iter().filter_map(|one| one.get("route_config")) {
        let name = text(config, "/name");
        for host in list(config, "virtual_hosts") {
            let domains: Vec<&str> = list(host, "domains").filter_map(Value::as_str).collect();
            for route in list(host, "routes") {
                let (fits, to) = (route_match(route), route_target(route));
                let service = from_config(route.get("metadata").unwrap_or(&Value::Null));
                rows.push(Row {
                    cells: vec![or_dash(name), text(host, "/name").to_owned(), fits.clone(), to.clone(), service.clone()],
                    fields: json!({
                        "name": name, "virtual_host": text(host, "/name"), "domains": domains, "match": fits, "route": text(route, "/name"), "to": to,
                        "virtual_service": service, "timeout": route.pointer("/route/timeout"), "retries": route.pointer("/route/retry_policy/num_retries"),
                        "retry_on": route.pointer("/route/retry_policy/retry_on"), "per_try_timeout": route.pointer("/route/retry_policy/per_try_timeout"),
                    }),
                });
            }
        }
    }
    // The order of a virtual host's routes decides, so only the hosts are sorted.
    rows.sort_by(|a, b| {
        let number = |row: &Row| row.cells[0].parse::<u32>().unwrap_or(u32::MAX);
        (number(a), &a.cells[0], &a.cells[1]).cmp(&(number(b), &b.cells[0], &b.cells[1]))
    });
    Ok(rows)
}

fn route_match(route: &Value) -> String {
    let fits = route.get("match").unwrap_or(&Value::Null);
    let of = |key: &str| fits.get(key).and_then(Value::as_str);
    let path = of("path")
        .map(str::to_owned)
        .or_else(|| of("prefix").map(|prefix| format!("{prefix}*")))
        .or_else(|| of("path_separated_prefix").map(|prefix| format!("PathPrefix:{prefix}")))
        .or_else(|| fits.pointer("/safe_regex/regex").and_then(Value::as_str).map(|regex| format!("regex {regex}")));
    let headers: Vec<&str> = list(fits, "headers").map(|header| text(header, "/name")).collect();
    let path = path.unwrap_or_else(|| "-".into());
    if headers.is_empty() { path } else { format!("{path} with {}", headers.join(", ")) }
}

fn route_target(route: &Value) -> String {
    if let Some(cluster) = route.pointer("/route/cluster").and_then(Value::as_str) {
        return cluster.to_owned();
    }
    let weighted: Vec<String> = route
        .pointer("/route/weighted_clusters")
        .map(|all| {
            list(all, "clusters")
                .map(|one| format!("{} {}", one.get("weight").and_then(Value::as_u64).unwrap_or(0), text(one, "/name")))
                .collect()
        })
        .unwrap_or_default();
    if !weighted.is_empty() {
        return weighted.join(", ");
    }
    match (route.pointer("/direct_response/status").and_then(Value::as_u64), route.get("redirect")) {
        (Some(status), _) => format!("answers {status}"),
        (None, Some(_)) => "redirects".into(),
        (None, None) => "-".into(),
    }
}
