//! Listeners with their filter chains, as `istioctl proxy-config listener` shows them.

use serde_json::{Value, json};

use super::super::Row;
use super::{list, members, text};

/// Listeners: ADDRESS, PORT, MATCH, DESTINATION.
pub const LISTENERS: &[&str] = &["ADDRESS", "PORT", "MATCH", "DESTINATION"];

/// Reads `/config_dump?mask=dynamic_listeners,static_listeners`.
///
/// # Errors
/// A sentence that says why the page is none.
pub fn listeners(page: &str) -> Result<Vec<Row>, String> {
    let all = members(page, &["dynamic_listeners", "static_listeners"])?;
    let mut rows = Vec::new();
    for one in &all {
        let Some(listener) = one.pointer("/active_state/listener").or_else(|| one.get("listener")) else { continue };
        let socket = listener.pointer("/address/socket_address").unwrap_or(&Value::Null);
        let (address, port) = (text(socket, "/address"), socket.get("port_value").and_then(Value::as_u64));
        let name = Some(text(listener, "/name")).filter(|name| !name.is_empty()).unwrap_or_else(|| text(one, "/name"));
        let chains = list(listener, "filter_chains").chain(listener.get("default_filter_chain"));
        for chain in chains {
            let (fits, to) = (chain_match(chain), destination(chain));
            rows.push((port, Row {
                cells: vec![address.to_owned(), port.map_or("-".into(), |port| port.to_string()), fits.clone(), to.clone()],
                fields: json!({ "name": name, "address": address, "port": port, "match": fits, "destination": to, "refused": one.pointer("/error_state/details") }),
            }));
        }
    }
    rows.sort_by(|(a, one), (b, other)| (a, &one.cells[0]).cmp(&(b, &other.cells[0])));
    Ok(rows.into_iter().map(|(_, row)| row).collect())
}

fn chain_match(chain: &Value) -> String {
    let fits = chain.get("filter_chain_match").unwrap_or(&Value::Null);
    let words = |key: &str| list(fits, key).filter_map(Value::as_str).collect::<Vec<_>>().join(",");
    let mut parts = Vec::new();
    for (label, value) in [
        ("SNI", words("server_names")),
        ("Trans", text(fits, "/transport_protocol").to_owned()),
        ("App", words("application_protocols")),
    ] {
        if !value.is_empty() {
            parts.push(format!("{label}: {value}"));
        }
    }
    let port = fits.get("destination_port").and_then(Value::as_u64).map(|port| format!(":{port}")).unwrap_or_default();
    let ranges: Vec<String> = list(fits, "prefix_ranges")
        .map(|range| {
            format!(
                "{}/{}",
                text(range, "/address_prefix"),
                range.get("prefix_len").and_then(Value::as_u64).unwrap_or(0)
            )
        })
        .collect();
    if !ranges.is_empty() {
        parts.push(format!("Addr: {}{port}", ranges.join(",")));
    } else if !port.is_empty() {
        parts.push(format!("Addr: *{port}"));
    }
    if parts.is_empty() { "ALL".into() } else { parts.join("; ") }
}

fn destination(chain: &Value) -> String {
    for filter in list(chain, "filters") {
        let config = filter.get("typed_config").unwrap_or(&Value::Null);
        match text(filter, "/name") {
            "envoy.filters.network.http_connection_manager" => {
                let route = text(config, "/rds/route_config_name");
                if !route.is_empty() {
                    return format!("Route: {route}");
                }
                let only =
                    config.pointer("/route_config/virtual_hosts/0/routes/0/route/cluster").and_then(Value::as_str);
                return only.map_or_else(|| "Inline Route".into(), to_cluster);
            }
            "envoy.filters.network.tcp_proxy" if text(config, "/cluster") != "BlackHoleCluster" => {
                return to_cluster(text(config, "/cluster"));
            }
            _ => {}
        }
    }
    "Non-HTTP/Non-TCP".into()
}

fn to_cluster(name: &str) -> String {
    if name.contains("Cluster") { name.to_owned() } else { format!("Cluster: {name}") }
}
