//! `/config_dump`: what istiod gave a proxy, in the shape of `envoy.admin.v3.ConfigDump`.
//!
//! Clusters, endpoints, routes and listeners follow from the world; bootstrap, inbound catch-alls and the static parts
//! are those of a recorded sidecar.

use jiff::Timestamp;
use regex::Regex;
use serde_json::{Map, Value, json};

use super::{certificates, load_balancing, recorded, router, routes, transport};
use crate::mesh::istiod::config::Cluster;
use crate::mesh::istiod::plane;
use crate::mesh::istiod::rules::Thresholds;
use crate::mesh::kubernetes::{PodKey, text};
use crate::mesh::page::{Ask, Page};
use crate::mesh::{Proxy, State};

/// The parts of a dump in Envoy's order: the message's name, and the lists that `resource=` names.
const PARTS: &[(&str, &[&str])] = &[
    ("BootstrapConfigDump", &[]),
    ("ClustersConfigDump", &["static_clusters", "dynamic_active_clusters", "dynamic_warming_clusters"]),
    ("EndpointsConfigDump", &["static_endpoint_configs", "dynamic_endpoint_configs"]),
    ("ListenersConfigDump", &["static_listeners", "dynamic_listeners"]),
    ("ScopedRoutesConfigDump", &["inline_scoped_route_configs", "dynamic_scoped_route_configs"]),
    ("RoutesConfigDump", &["static_route_configs", "dynamic_route_configs"]),
    ("SecretsConfigDump", &["static_secrets", "dynamic_active_secrets", "dynamic_warming_secrets"]),
];

/// The element type of each list, as `resource=` names it in `@type`.
const ELEMENTS: &[(&str, &str)] = &[
    ("static_clusters", "ClustersConfigDump.StaticCluster"),
    ("dynamic_active_clusters", "ClustersConfigDump.DynamicCluster"),
    ("dynamic_warming_clusters", "ClustersConfigDump.DynamicCluster"),
    ("static_endpoint_configs", "EndpointsConfigDump.StaticEndpointConfig"),
    ("dynamic_endpoint_configs", "EndpointsConfigDump.DynamicEndpointConfig"),
    ("static_listeners", "ListenersConfigDump.StaticListener"),
    ("dynamic_listeners", "ListenersConfigDump.DynamicListener"),
    ("inline_scoped_route_configs", "ScopedRoutesConfigDump.InlineScopedRouteConfigs"),
    ("dynamic_scoped_route_configs", "ScopedRoutesConfigDump.DynamicScopedRouteConfigs"),
    ("static_route_configs", "RoutesConfigDump.StaticRouteConfig"),
    ("dynamic_route_configs", "RoutesConfigDump.DynamicRouteConfig"),
    ("static_secrets", "SecretsConfigDump.StaticSecret"),
    ("dynamic_active_secrets", "SecretsConfigDump.DynamicSecret"),
    ("dynamic_warming_secrets", "SecretsConfigDump.DynamicSecret"),
];

/// Envoy's time with milliseconds.
pub fn stamp(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// `/config_dump` with `resource`, `mask`, `name_regex` and `include_eds`.
pub fn page(state: &State, key: &PodKey, ask: &Ask, now: Timestamp) -> Page {
    let Some(proxy) = state.proxies.get(key) else { return Page::text("no such proxy\n").with_status(404) };
    let names =
        match ask.get("name_regex").filter(|text| !text.is_empty()).map(|text| Regex::new(&format!("^(?:{text})$"))) {
            Some(Err(error)) => {
                return Page::text(format!(
                    "Error while parsing name_regex from {}: {error}\n",
                    ask.get("name_regex").unwrap_or_default()
                ))
                .with_status(400);
            }
            Some(Ok(regex)) => Some(regex),
            None => None,
        };
    let fits = |name: &str| names.as_ref().is_none_or(|regex| regex.is_match(name));
    let include_eds = ask.query.iter().any(|(name, _)| name == "include_eds");
    let mask: Vec<&str> =
        ask.get("mask").map(|mask| mask.split(',').filter(|path| !path.is_empty()).collect()).unwrap_or_default();
    let builder = Builder { state, proxy, key, now };
    let mut configs = Vec::new();
    if let Some(resource) = ask.get("resource") {
        let Some((part, _)) = PARTS.iter().find(|(_, lists)| lists.contains(&resource)) else {
            return Page::text(format!("{resource} not found in config dump\n")).with_status(404);
        };
        let element = ELEMENTS.iter().find(|(list, _)| *list == resource).map_or("", |(_, element)| element);
        let mut dump = builder.part(part, &fits);
        for member in dump[resource].as_array_mut().map(std::mem::take).unwrap_or_default() {
            let mut typed = Map::new();
            typed.insert("@type".into(), json!(format!("type.googleapis.com/envoy.admin.v3.{element}")));
            typed.extend(member.as_object().cloned().unwrap_or_default());
            configs.push(masked(Value::Object(typed), &mask));
        }
    } else {
        for (part, lists) in PARTS {
            if *part == "EndpointsConfigDump" && !include_eds {
                continue;
            }
            if mask.iter().all(|path| is_path_of(part, lists, path)) {
                configs.push(masked(builder.part(part, &fits), &mask));
            }
        }
        if configs.is_empty() {
            let text = format!("FieldMask {} could not be successfully applied to any configs.", mask.join(","));
            return Page::text(text).with_status(400);
        }
    }
    let body = if configs.is_empty() { json!({}) } else { json!({"configs": configs}) };
    // Envoy's JSON is indented by one space; a client does not see the difference, but a person does.
    Page::json(indented(&body))
}

/// Whether a path of a mask leads to a field of this part. Envoy leaves a part out to which one path of the mask does not fit,
/// and no path leads through a list.
fn is_path_of(part: &str, lists: &[&str], path: &str) -> bool {
    let versioned = matches!(part, "ClustersConfigDump" | "ListenersConfigDump");
    match part {
        "BootstrapConfigDump" => path == "last_updated" || path == "bootstrap" || path.starts_with("bootstrap."),
        _ => lists.contains(&path) || (versioned && path == "version_info"),
    }
}

/// JSON with one space of indentation, as protobuf's printer makes it.
pub fn indented(value: &Value) -> String {
    let mut out = Vec::new();
    let mut serializer =
        serde_json::Serializer::with_formatter(&mut out, serde_json::ser::PrettyFormatter::with_indent(b" "));
    let written = serde::Serialize::serialize(value, &mut serializer);
    written.expect("a JSON value can be written to memory");
    out.push(b'\n');
    String::from_utf8_lossy(&out).into_owned()
}

/// Keeps the paths of a protobuf field mask, and `@type`.
fn masked(value: Value, mask: &[&str]) -> Value {
    if mask.is_empty() {
        return value;
    }
    let mut kept = json!({"@type": value["@type"]});
    for path in mask {
        keep(&value, &mut kept, path);
    }
    kept
}

fn keep(from: &Value, to: &mut Value, path: &str) {
    let (first, rest) = path.split_once('.').unwrap_or((path, ""));
    let Some(child) = from.get(first) else { return };
    if rest.is_empty() {
        to[first] = child.clone();
    } else if child.is_object() {
        if !to[first].is_object() {
            to[first] = json!({});
        }
        keep(child, &mut to[first], rest);
    }
}

/// A Service's address, the port on it, and the cluster behind it.
type TcpPort<'a> = (&'a str, u16, &'a str);

struct Builder<'a> {
    state: &'a State,
    proxy: &'a Proxy,
    key: &'a PodKey,
    now: Timestamp,
}

impl Builder<'_> {
    fn part(&self, part: &str, fits: &dyn Fn(&str) -> bool) -> Value {
        match part {
            "BootstrapConfigDump" => self.bootstrap(),
            "ClustersConfigDump" => self.clusters(fits),
            "EndpointsConfigDump" => self.endpoints(fits),
            "ListenersConfigDump" => self.listeners(fits),
            "RoutesConfigDump" => self.routes(fits),
            "SecretsConfigDump" => self.secrets(fits),
            _ => recorded::config(part).clone(),
        }
    }

    fn bootstrap(&self) -> Value {
        let mut dump = recorded::config("BootstrapConfigDump").clone();
        identify(&mut dump["bootstrap"]["node"], self.proxy, self.key);
        dump["last_updated"] = json!(stamp(self.proxy.started));
        dump
    }

    fn clusters(&self, fits: &dyn Fn(&str) -> bool) -> Value {
        let mut dump = recorded::config("ClustersConfigDump").clone();
        let fixed = |one: &Value| {
            if self.proxy.router {
                // Without listeners for original destinations nothing else is needed.
                return one["cluster"]["name"] == "BlackHoleCluster";
            }
            ["BlackHoleCluster", "InboundPassthroughCluster", "PassthroughCluster"]
                .contains(&text(&one["cluster"]["name"]))
        };
        let mut dynamic: Vec<Value> = dump["dynamic_active_clusters"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|one| fixed(one))
            .cloned()
            .collect();
        for one in &mut dynamic {
            one["last_updated"] = json!(stamp(self.proxy.started));
        }
        // The filter first: a dump of one cluster of thousands must stay cheap.
        dynamic.retain(|one| fits(text(&one["cluster"]["name"])));
        for (name, (cluster, updated)) in self.proxy.config.clusters.iter().filter(|(name, _)| fits(name)) {
            let body = if name.starts_with("inbound|") { inbound(cluster) } else { outbound(cluster) };
            dynamic.push(json!({"cluster": body, "last_updated": stamp(*updated)}));
        }
        dynamic.sort_by(|a, b| text(&a["cluster"]["name"]).cmp(text(&b["cluster"]["name"])));
        retain(&mut dump["static_clusters"], "/cluster/name", fits);
        dump["version_info"] = json!(self.proxy.config.version);
        dump["dynamic_active_clusters"] = json!(dynamic);
        dump
    }

    fn endpoints(&self, fits: &dyn Fn(&str) -> bool) -> Value {
        let mut dump = recorded::config("EndpointsConfigDump").clone();
        retain(&mut dump["static_endpoint_configs"], "/endpoint_config/cluster_name", fits);
        let dynamic: Vec<Value> = self
            .proxy
            .config
            .clusters
            .values()
            .map(|(cluster, _)| cluster)
            .filter(|c| !c.host.is_empty() && fits(&c.name))
            .map(|c| assignment(c))
            .collect();
        dump["dynamic_endpoint_configs"] = json!(dynamic);
        dump
    }

    fn listeners(&self, fits: &dyn Fn(&str) -> bool) -> Value {
        let mut dump = recorded::config("ListenersConfigDump").clone();
        if self.proxy.router {
            let mut listeners = router::listeners(self.proxy);
            if !self.state.writes_access_log(&self.proxy.pod) {
                listeners.iter_mut().for_each(drop_access_logs);
            }
            listeners.retain(|listener| fits(text(&listener["name"])));
            retain(&mut dump["static_listeners"], "/listener/name", fits);
            dump["version_info"] = json!(self.proxy.config.version);
            dump["dynamic_listeners"] = json!(listeners);
            return dump;
        }
        let pattern = |name: &str| recorded::member("ListenersConfigDump", "dynamic_listeners", "/name", name);
        let updated = stamp(self.proxy.config.routes_updated);
        let mut dynamic = Vec::new();
        for (name, port) in self.listener_names() {
            let mut listener = match port {
                Some((ip, number, cluster)) => tcp_listener(pattern("10.96.0.1_443"), &name, ip, number, cluster),
                None => {
                    let number: u16 = name.rsplit('_').next().and_then(|text| text.parse().ok()).unwrap_or(80);
                    http_listener(pattern("0.0.0.0_8080"), &name, number)
                }
            };
            listener["active_state"]["last_updated"] = json!(updated);
            dynamic.push(listener);
        }
        dynamic.push(pattern("virtualOutbound").clone());
        dynamic.push(self.virtual_inbound(pattern("virtualInbound")));
        let count = dynamic.len();
        for listener in &mut dynamic[count - 2..] {
            listener["active_state"]["last_updated"] = json!(updated);
        }
        if !self.state.writes_access_log(&self.proxy.pod) {
            for listener in &mut dynamic {
                drop_access_logs(listener);
            }
        }
        dynamic.retain(|listener| fits(text(&listener["name"])));
        retain(&mut dump["static_listeners"], "/listener/name", fits);
        dump["version_info"] = json!(self.proxy.config.version);
        dump["dynamic_listeners"] = json!(dynamic);
        dump
    }

    /// HTTP ports share a listener on 0.0.0.0; each other port of a Service has one on the Service's address.
    fn listener_names(&self) -> Vec<(String, Option<TcpPort<'_>>)> {
        let mut names: Vec<(String, Option<TcpPort>)> = Vec::new();
        for (name, (cluster, _)) in self
            .proxy
            .config
            .clusters
            .iter()
            .filter(|(_, (cluster, _))| !cluster.host.is_empty() && cluster.subset.is_empty())
        {
            if cluster.http {
                let listener = format!("0.0.0.0_{}", cluster.port);
                if !names.iter().any(|(known, _)| *known == listener) {
                    names.push((listener, None));
                }
            } else {
                let service = self.state.istiod.snapshot.services().iter().find(|s| {
                    s["metadata"]["namespace"] == cluster.service.0.as_str()
                        && s["metadata"]["name"] == cluster.service.1.as_str()
                });
                let ip = service.map_or("0.0.0.0", |service| text(&service["spec"]["clusterIP"]));
                names.push((format!("{ip}_{}", cluster.port), Some((ip, cluster.port, name))));
            }
        }
        names
    }

    /// The recorded inbound listener; the filter chains of port 8080 stand for the pod's own port, if it has one.
    fn virtual_inbound(&self, pattern: &Value) -> Value {
        let mut listener = pattern.clone();
        let own =
            self.proxy.config.clusters.values().map(|(cluster, _)| cluster).find(|cluster| cluster.host.is_empty());
        let body = &mut listener["active_state"]["listener"];
        let of_port = |chain: &Value| chain["name"] == "0.0.0.0_8080";
        let elsewhere = json!({"destination_port_range": {"start": 15006, "end": 15007}});
        match own {
            None => {
                if let Some(chains) = body["filter_chains"].as_array_mut() {
                    chains.retain(|chain| !of_port(chain));
                }
                if let Some(place) = body.pointer_mut("/listener_filters/2/filter_disabled") {
                    *place = elsewhere;
                }
            }
            Some(cluster) => {
                for chain in body["filter_chains"].as_array_mut().into_iter().flatten().filter(|chain| of_port(chain)) {
                    let text = chain
                        .to_string()
                        .replace("8080", &cluster.port.to_string())
                        .replace("graph-core.summit", &format!("{}.{}", cluster.service.1, cluster.service.0));
                    *chain = serde_json::from_str(&text).expect("digits and names for others keep JSON valid");
                }
                transport::inbound(
                    &mut body["filter_chains"],
                    cluster.port,
                    self.proxy.config.accepts.on(cluster.port),
                );
                let range = json!({"start": cluster.port, "end": u32::from(cluster.port) + 1});
                if let Some(place) = body.pointer_mut("/listener_filters/2/filter_disabled/or_match/rules/0") {
                    *place = json!({"destination_port_range": range});
                }
            }
        }
        listener
    }

    fn routes(&self, fits: &dyn Fn(&str) -> bool) -> Value {
        let mut dump = recorded::config("RoutesConfigDump").clone();
        let of = |name: String, hosts: Vec<Value>| {
            json!({"route_config": {
            "@type": "type.googleapis.com/envoy.config.route.v3.RouteConfiguration", "name": name, "virtual_hosts": hosts,
            "validate_clusters": false, "max_direct_response_body_size_bytes": 1_048_576, "ignore_port_in_host_matching": true,
        }, "last_updated": stamp(self.proxy.config.routes_updated)})
        };
        let all = match self.proxy.router {
            true => router::routes(self.proxy),
            false => routes::outbound(self.proxy, &self.key.0, self.state.spec.cluster.registry_only),
        };
        let dynamic: Vec<Value> =
            all.into_iter().filter(|(name, _)| fits(name)).map(|(name, hosts)| of(name, hosts)).collect();
        let own = self.proxy.config.clusters.keys().find(|name| name.starts_with("inbound|"));
        if let Some(list) = dump["static_route_configs"].as_array_mut() {
            let inbound = |one: &Value| match text(&one["route_config"]["name"]) {
                "inbound|8080||" => own.is_none(),
                "InboundPassthroughCluster" => self.proxy.router,
                _ => false,
            };
            list.retain(|one| !inbound(one));
            list.retain(|one| fits(text(&one["route_config"]["name"])));
        }
        if dynamic.is_empty() {
            dump.as_object_mut().map(|map| map.remove("dynamic_route_configs"));
        } else {
            dump["dynamic_route_configs"] = json!(dynamic);
        }
        dump
    }

    fn secrets(&self, fits: &dyn Fn(&str) -> bool) -> Value {
        let mut dump = recorded::config("SecretsConfigDump").clone();
        let secrets = &mut dump["dynamic_active_secrets"];
        certificates::fill(secrets, self.state.spec.seed, self.proxy, self.key, self.now);
        retain(&mut dump["dynamic_active_secrets"], "/name", fits);
        dump
    }
}

/// Puts a pod's identity in the place of the recorded one.
pub fn identify(node: &mut Value, proxy: &Proxy, key: &PodKey) {
    let mut labels = proxy.pod["metadata"]["labels"].clone();
    if let Some(map) = labels.as_object_mut() {
        map.remove("pod-template-hash");
    }
    let role = if proxy.router { "router" } else { "sidecar" };
    node["id"] = json!(format!("{role}~{}~{}.{}~{}.svc.cluster.local", proxy.ip, key.1, key.0, key.0));
    node["cluster"] = json!(format!("{}.{}", text(&labels["app"]), key.0));
    let metadata = &mut node["metadata"];
    for (field, value) in [
        ("NAME", json!(key.1)),
        ("NAMESPACE", json!(key.0)),
        ("WORKLOAD_NAME", json!(proxy.workload)),
        ("INSTANCE_IPS", json!(proxy.ip)),
        ("LABELS", labels.clone()),
        ("ANNOTATIONS", proxy.pod["metadata"]["annotations"].clone()),
        ("NODE_NAME", proxy.pod["spec"]["nodeName"].clone()),
        ("OWNER", json!(format!("kubernetes://apis/apps/v1/namespaces/{}/deployments/{}", key.0, proxy.workload))),
    ] {
        metadata[field] = value;
    }
    metadata["PROXY_CONFIG"]["discoveryAddress"] = json!(plane::discovery_address(&proxy.pod));
}

fn retain(list: &mut Value, path: &str, fits: &dyn Fn(&str) -> bool) {
    if let Some(list) = list.as_array_mut() {
        list.retain(|one| fits(one.pointer(path).and_then(Value::as_str).unwrap_or_default()));
    }
}

fn drop_access_logs(value: &mut Value) {
    match value {
        Value::Object(map) => {
            map.remove("access_log");
            map.values_mut().for_each(drop_access_logs);
        }
        Value::Array(list) => list.iter_mut().for_each(drop_access_logs),
        _ => {}
    }
}

fn thresholds(limits: Thresholds) -> Value {
    json!({"thresholds": [{
        "max_connections": limits.max_connections, "max_pending_requests": limits.max_pending_requests,
        "max_requests": limits.max_requests, "max_retries": limits.max_retries,
    }]})
}

fn metadata(cluster: &Cluster) -> Value {
    let (namespace, name) = &cluster.service;
    let mut istio = json!({"services": [{"name": name, "host": format!("{name}.{namespace}.svc.cluster.local"), "namespace": namespace}]});
    if let Some((namespace, name)) = &cluster.policy.rule {
        istio["config"] = json!(format!("/apis/networking.istio.io/v1/namespaces/{namespace}/destination-rule/{name}"));
    }
    if !cluster.subset.is_empty() {
        istio["subset"] = json!(cluster.subset);
    }
    json!({"filter_metadata": {"istio": istio}})
}

fn outbound(cluster: &Cluster) -> Value {
    let pattern = recorded::member(
        "ClustersConfigDump",
        "dynamic_active_clusters",
        "/cluster/name",
        "outbound|8080||graph-core.summit.svc.cluster.local",
    );
    let mut body = pattern["cluster"].clone();
    body["name"] = json!(cluster.name);
    body["eds_cluster_config"]["service_name"] = json!(cluster.name);
    body["alt_stat_name"] = json!(format!("{};", cluster.name));
    body["circuit_breakers"] = thresholds(cluster.thresholds());
    body["metadata"] = metadata(cluster);
    outlier(&mut body, &cluster.policy.outlier_detection);
    load_balancing::translate(&mut body, &cluster.policy.load_balancer);
    transport::outbound(&mut body, cluster);
    body
}

fn inbound(cluster: &Cluster) -> Value {
    let pattern = recorded::member("ClustersConfigDump", "dynamic_active_clusters", "/cluster/name", "inbound|8080||");
    let mut body = pattern["cluster"].clone();
    body["name"] = json!(cluster.name);
    body["alt_stat_name"] = json!(format!("{};", cluster.name));
    body["circuit_breakers"] = thresholds(cluster.thresholds());
    body["metadata"] = metadata(cluster);
    body
}

/// `outlierDetection` of a DestinationRule as istiod translates it.
fn outlier(body: &mut Value, rule: &Value) {
    let Some(map) = body.as_object_mut() else { return };
    if rule.is_null() {
        map.remove("outlier_detection");
        return;
    }
    let mut translated = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            translated.insert(name.into(), value);
        }
    };
    put("consecutive_5xx", rule["consecutive5xxErrors"].clone());
    put("interval", rule["interval"].clone());
    put("base_ejection_time", rule["baseEjectionTime"].clone());
    put("max_ejection_percent", rule["maxEjectionPercent"].clone());
    put("enforcing_consecutive_5xx", json!(if rule["consecutive5xxErrors"] == 0 { 0 } else { 100 }));
    put("consecutive_gateway_failure", rule["consecutiveGatewayErrors"].clone());
    if rule["consecutiveGatewayErrors"].as_u64().is_some_and(|count| count > 0) {
        put("enforcing_consecutive_gateway_failure", json!(100));
    }
    put("enforcing_success_rate", json!(0));
    map.insert("outlier_detection".into(), Value::Object(translated));
}

fn assignment(cluster: &Cluster) -> Value {
    let members: Vec<Value> = cluster
        .endpoints
        .iter()
        .map(|endpoint| {
            let mut metadata = json!({"istio": {"workload": endpoint.workload}});
            if endpoint.mutual_tls {
                metadata["envoy.transport_socket_match"] = json!({"tlsMode": "istio"});
            }
            json!({
                "endpoint": {"address": {"socket_address": {"address": endpoint.address, "port_value": endpoint.port}}, "health_check_config": {}},
                "health_status": "HEALTHY", "metadata": {"filter_metadata": metadata}, "load_balancing_weight": 1,
            })
        })
        .collect();
    let mut config = json!({
        "@type": "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment", "cluster_name": cluster.name,
        "policy": {"overprovisioning_factor": 140},
    });
    if !members.is_empty() {
        config["endpoints"] =
            json!([{"locality": {}, "lb_endpoints": members, "load_balancing_weight": members.len()}]);
    }
    json!({"endpoint_config": config})
}

fn tcp_listener(pattern: &Value, name: &str, ip: &str, port: u16, cluster: &str) -> Value {
    let mut listener = pattern.clone();
    listener["name"] = json!(name);
    let body = &mut listener["active_state"]["listener"];
    body["name"] = json!(name);
    body["address"]["socket_address"] = json!({"address": ip, "port_value": port});
    let filter = &mut body["filter_chains"][0]["filters"][0]["typed_config"];
    filter["stat_prefix"] = json!(cluster);
    filter["cluster"] = json!(cluster);
    listener
}

fn http_listener(pattern: &Value, name: &str, port: u16) -> Value {
    let mut listener = pattern.clone();
    listener["name"] = json!(name);
    let body = &mut listener["active_state"]["listener"];
    body["name"] = json!(name);
    body["address"]["socket_address"]["port_value"] = json!(port);
    let manager = &mut body["filter_chains"][0]["filters"][0]["typed_config"];
    manager["stat_prefix"] = json!(format!("outbound_{name};"));
    manager["rds"]["route_config_name"] = json!(port.to_string());
    listener
}
