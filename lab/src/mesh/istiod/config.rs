//! What istiod makes of the cluster's objects for one proxy: clusters with endpoints and limits, and routes.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use super::authentication::{self, Accepts, Mode};
use super::gateway::{self, Server};
use super::routes::{self, Route, VirtualHost};
use super::rules::{self, Policy, Thresholds};
use super::sidecar;
use crate::mesh::kubernetes::inject::is_router;
use crate::mesh::kubernetes::{key_of, text};
use crate::store::{Object, Store};
use crate::world::objects::ROOT_NAMESPACE;

/// An endpoint of a cluster.
#[derive(Clone, Debug, PartialEq)]
pub struct Endpoint {
    /// The pod's address.
    pub address: String,
    /// The port that the application listens on.
    pub port: u16,
    /// The pod.
    pub pod: String,
    /// The pod's namespace.
    pub namespace: String,
    /// `workload;namespace;canonical name;canonical revision;cluster`, as istiod tells Envoy.
    pub workload: String,
    /// Whether callers are told that it takes mutual TLS: its sidecar says so by label, and nothing switches it off.
    pub mutual_tls: bool,
}

/// A cluster that istiod made, as a proxy has it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cluster {
    /// `outbound|PORT|SUBSET|HOST` or `inbound|PORT||`.
    pub name: String,
    /// The Service's port; of an inbound cluster the application's.
    pub port: u16,
    /// The subset, empty for none.
    pub subset: String,
    /// The host, empty for an inbound cluster.
    pub host: String,
    /// Namespace and name of the Service.
    pub service: (String, String),
    /// What the DestinationRule says.
    pub policy: Policy,
    /// Endpoints that are ready.
    pub endpoints: Vec<Endpoint>,
    /// Whether the port speaks HTTP by its name or `appProtocol`.
    pub http: bool,
    /// Of an outbound cluster, whether the service's PeerAuthentication switches mutual TLS off.
    pub mutual_tls_off: bool,
}

impl Cluster {
    /// The limits of priority DEFAULT.
    pub fn thresholds(&self) -> Thresholds {
        self.policy.thresholds
    }
}

/// Everything a proxy has from istiod.
#[derive(Clone, Debug, Default)]
pub struct ProxyConfig {
    /// Clusters by name, each with the time of its last change.
    pub clusters: BTreeMap<String, (Arc<Cluster>, Timestamp)>,
    /// Virtual hosts by port and host.
    pub hosts: Vec<Arc<VirtualHost>>,
    /// Of a gateway, the servers for which it listens; empty for a sidecar.
    pub servers: Vec<Server>,
    /// When routes or listeners were last changed.
    pub routes_updated: Timestamp,
    /// What the proxy demands of those that connect to it.
    pub accepts: Accepts,
    /// `TIME/N` of the push that this is.
    pub version: String,
}

impl ProxyConfig {
    /// The virtual host for an authority as an application writes it, such as `graph-core.summit:8080`.
    pub fn host(&self, authority: &str, client_namespace: &str) -> Option<&Arc<VirtualHost>> {
        let (name, port) = authority.rsplit_once(':')?;
        let port: u16 = port.parse().ok()?;
        if !self.servers.is_empty() {
            return gateway::host(&self.hosts, name, port);
        }
        self.hosts.iter().find(|host| {
            let full = &host.host;
            host.port == port
                && (full == name
                    || full.strip_suffix(".cluster.local") == Some(name)
                    || full.strip_suffix(".svc.cluster.local") == Some(name)
                    || (host.namespace == client_namespace && full.split('.').next() == Some(name))
                    || host.cluster_ip == name)
        })
    }
}

/// The cluster's objects at one moment, as istiod sees them.
pub struct Snapshot {
    services: Vec<Object>,
    /// EndpointSlices by the namespace and name of their Service.
    slices: BTreeMap<(String, String), Vec<Object>>,
    destination_rules: Vec<Object>,
    pub(super) virtual_services: Vec<Object>,
    peer_authentications: Vec<Object>,
    authorization_policies: Vec<Object>,
    telemetries: Vec<Object>,
    sidecars: Vec<Object>,
    /// The mesh configuration, as text.
    mesh: String,
    /// Istio's own Gateways, and those that are made of the Gateway API's.
    pub(super) gateways: Vec<Object>,
    /// VirtualServices that are made of HTTPRoutes.
    pub(super) made_of_routes: Vec<Object>,
    pub(super) pods: BTreeMap<(String, String), Object>,
    version: String,
}

impl Snapshot {
    /// Takes the objects from the store.
    pub fn take(store: &Store, version: String) -> Snapshot {
        let mut slices: BTreeMap<(String, String), Vec<Object>> = BTreeMap::new();
        for slice in store.list("discovery.k8s.io", "endpointslices", None) {
            let service = text(&slice["metadata"]["labels"]["kubernetes.io/service-name"]).to_owned();
            slices.entry((text(&slice["metadata"]["namespace"]).to_owned(), service)).or_default().push(slice);
        }
        let (made, made_of_routes) = gateway::api::translate(store);
        let mut gateways = store.list("networking.istio.io", "gateways", None);
        gateways.extend(made);
        Snapshot {
            services: store.list("", "services", None),
            slices,
            destination_rules: store.list("networking.istio.io", "destinationrules", None),
            virtual_services: store.list("networking.istio.io", "virtualservices", None),
            peer_authentications: store.list("security.istio.io", "peerauthentications", None),
            authorization_policies: store.list("security.istio.io", "authorizationpolicies", None),
            telemetries: store.list("telemetry.istio.io", "telemetries", None),
            sidecars: store.list("networking.istio.io", "sidecars", None),
            mesh: store
                .get("", "configmaps", ROOT_NAMESPACE, "istio")
                .map_or_else(String::new, |map| text(&map["data"]["mesh"]).to_owned()),
            gateways,
            made_of_routes,
            pods: store.list("", "pods", None).into_iter().map(|pod| (key_of(&pod), pod)).collect(),
            version,
        }
    }

    /// The Services.
    pub fn services(&self) -> &[Object] {
        &self.services
    }

    /// The Istio objects that `/debug/configz` shows.
    pub fn istio_objects(&self) -> impl Iterator<Item = &Object> {
        let rules = self.destination_rules.iter().chain(&self.virtual_services);
        let made = self.gateways.iter().chain(&self.made_of_routes);
        let policies = self.peer_authentications.iter().chain(&self.authorization_policies);
        rules.chain(policies).chain(&self.telemetries).chain(&self.sidecars).chain(made)
    }

    /// The AuthorizationPolicies.
    pub fn authorization_policies(&self) -> &[Object] {
        &self.authorization_policies
    }

    /// What the Telemetry says that holds for a pod's proxy: one that selects the pod, else its namespace's, else the root
    /// namespace's; of those that say anything.
    fn telemetry<T>(&self, pod: &Value, says: impl Fn(&Value) -> Option<T>) -> Option<T> {
        let namespace = text(&pod["metadata"]["namespace"]);
        let labels = &pod["metadata"]["labels"];
        let found = |place: &str, selective: bool| {
            let mut here = self.telemetries.iter().filter(|one| text(&one["metadata"]["namespace"]) == place);
            here.find_map(|one| {
                let said = says(&one["spec"])?;
                let selector = one["spec"]["selector"]["matchLabels"].as_object();
                let fits = match selector {
                    Some(wanted) => selective && wanted.iter().all(|(key, value)| labels[key] == *value),
                    None => !selective,
                };
                fits.then_some(said)
            })
        };
        found(namespace, true).or_else(|| found(namespace, false)).or_else(|| found(ROOT_NAMESPACE, false))
    }

    /// Whether a Telemetry switches the access log of a pod's proxy on or off. `None` leaves it to the mesh configuration.
    pub fn access_log(&self, pod: &Value) -> Option<bool> {
        self.telemetry(pod, |spec| {
            let logs = spec["accessLogging"].as_array().filter(|logs| !logs.is_empty())?;
            Some(logs.iter().any(|log| log["disabled"] != true))
        })
    }

    /// Whether a Telemetry lets a pod's proxy send spans to a provider that the mesh configuration has.
    pub fn traces(&self, pod: &Value) -> bool {
        let providers = self.telemetry(pod, |spec| {
            let tracing = spec["tracing"].as_array().filter(|all| !all.is_empty())?;
            let named = tracing.iter().flat_map(|one| one["providers"].as_array().into_iter().flatten());
            Some(named.map(|provider| text(&provider["name"]).to_owned()).collect::<Vec<_>>())
        });
        let is_known = |name: &String| self.mesh.lines().any(|line| line.trim() == format!("- name: {name}"));
        providers.is_some_and(|providers| providers.iter().any(is_known))
    }

    /// Whether a Telemetry switches any access log on.
    pub fn logs_by_telemetry(&self) -> bool {
        let mut all =
            self.telemetries.iter().flat_map(|one| one["spec"]["accessLogging"].as_array().into_iter().flatten());
        all.any(|log| log["disabled"] != true)
    }

    /// Clusters and hosts for the outbound side of every proxy in a namespace.
    pub fn outbound(&self, client_namespace: &str) -> (Vec<Arc<Cluster>>, Vec<Arc<VirtualHost>>) {
        let mut clusters = Vec::new();
        let mut hosts = Vec::new();
        for service in &self.services {
            let (namespace, name) = key_of(service);
            let host = format!("{name}.{namespace}.svc.cluster.local");
            let rule = rules::destination_rule(&self.destination_rules, &host, &namespace, client_namespace);
            let slices = self.slices_of(&namespace, &name);
            for port in service["spec"]["ports"].as_array().into_iter().flatten() {
                let Some(number) = port["port"].as_u64().and_then(|n| u16::try_from(n).ok()) else { continue };
                let http = is_http(port);
                let endpoints = self.endpoints(slices, port);
                let mutual_tls_off = !endpoints.is_empty() && endpoints.iter().all(|e| e.off);
                let endpoints: Vec<Endpoint> = endpoints.into_iter().map(|e| e.endpoint).collect();
                let subsets = rule
                    .and_then(|rule| rule["spec"]["subsets"].as_array())
                    .into_iter()
                    .flatten()
                    .filter_map(|s| s["name"].as_str());
                for subset in std::iter::once("").chain(subsets) {
                    let policy = rules::policy(rule, (!subset.is_empty()).then_some(subset), number);
                    let endpoints = match &policy.subset_labels {
                        Some(labels) => {
                            endpoints.iter().filter(|endpoint| self.labelled(endpoint, labels)).cloned().collect()
                        }
                        None => endpoints.clone(),
                    };
                    // A rule that sets another mode than Istio's takes the mark off the endpoints.
                    let foreign = policy.tls_mode.as_deref().is_some_and(|mode| mode != "ISTIO_MUTUAL");
                    let endpoints = endpoints
                        .into_iter()
                        .map(|endpoint| Endpoint { mutual_tls: endpoint.mutual_tls && !foreign, ..endpoint })
                        .collect();
                    clusters.push(Arc::new(Cluster {
                        name: format!("outbound|{number}|{subset}|{host}"),
                        port: number,
                        subset: subset.to_owned(),
                        host: host.clone(),
                        service: (namespace.clone(), name.clone()),
                        policy,
                        endpoints,
                        http,
                        mutual_tls_off,
                    }));
                }
                if http {
                    hosts.push(Arc::new(VirtualHost {
                        routes: self.routes(&host, number, client_namespace),
                        host: host.clone(),
                        port: number,
                        cluster_ip: text(&service["spec"]["clusterIP"]).to_owned(),
                        namespace: namespace.clone(),
                    }));
                }
            }
        }
        (clusters, hosts)
    }

    /// The inbound clusters of one pod: one for each port of the Services that select it.
    pub fn inbound(&self, pod: &Value) -> Vec<Arc<Cluster>> {
        let (namespace, _) = key_of(pod);
        let mut clusters: Vec<Arc<Cluster>> = Vec::new();
        for service in self.services.iter().filter(|service| service["metadata"]["namespace"] == namespace.as_str()) {
            let Some(selector) = service["spec"]["selector"].as_object().filter(|s| !s.is_empty()) else { continue };
            if !selector.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value) {
                continue;
            }
            let name = text(&service["metadata"]["name"]).to_owned();
            let host = format!("{name}.{namespace}.svc.cluster.local");
            let rule = rules::destination_rule(&self.destination_rules, &host, &namespace, &namespace);
            for port in service["spec"]["ports"].as_array().into_iter().flatten() {
                let target = port["targetPort"].as_u64().or(port["port"].as_u64()).and_then(|n| u16::try_from(n).ok());
                let Some(target) = target else { continue };
                let cluster_name = format!("inbound|{target}||");
                if clusters.iter().any(|cluster| cluster.name == cluster_name) {
                    continue;
                }
                let service_port = port["port"].as_u64().and_then(|n| u16::try_from(n).ok()).unwrap_or(target);
                // Subsets are the client's affair; istiod takes the rule's own policy for the server's side.
                let mut policy = rules::policy(rule, None, service_port);
                policy.outlier_detection = Value::Null;
                clusters.push(Arc::new(Cluster {
                    name: cluster_name,
                    port: target,
                    subset: String::new(),
                    host: String::new(),
                    service: (namespace.clone(), name.clone()),
                    policy,
                    endpoints: Vec::new(),
                    http: is_http(port),
                    mutual_tls_off: false,
                }));
            }
        }
        clusters
    }

    /// What holds for callers of a namespace that have no proxy.
    pub fn without_proxy(&self, namespace: &str, now: Timestamp) -> ProxyConfig {
        self.proxy(&Value::Null, &self.outbound(namespace), &ProxyConfig::default(), now)
    }

    /// The whole configuration of one proxy. What did not change keeps the time of its last change.
    pub fn proxy(
        &self,
        pod: &Value,
        outbound: &(Vec<Arc<Cluster>>, Vec<Arc<VirtualHost>>),
        before: &ProxyConfig,
        now: Timestamp,
    ) -> ProxyConfig {
        let router = is_router(pod);
        // Sidecar resources do not apply to gateways.
        let limits = if router { None } else { sidecar::of(&self.sidecars, pod) };
        let namespace = text(&pod["metadata"]["namespace"]);
        let told = |host: &str, of: &str| limits.is_none_or(|limits| sidecar::imports(limits, namespace, host, of));
        let outbound_clusters = outbound.0.iter().filter(|cluster| told(&cluster.host, &cluster.service.0)).cloned();
        let servers = if router { gateway::servers(self, pod) } else { Vec::new() };
        let hosts: Vec<Arc<VirtualHost>> = if router {
            gateway::hosts(self, &servers).into_iter().map(Arc::new).collect()
        } else {
            outbound.1.iter().filter(|host| told(&host.host, &host.namespace)).cloned().collect()
        };
        let inbound = if router { Vec::new() } else { self.inbound(pod) };
        let clusters = outbound_clusters.chain(inbound).map(|cluster| {
            let kept = before
                .clusters
                .get(&cluster.name)
                .filter(|(old, _)| same_but_endpoints(old, &cluster))
                .map(|(_, since)| *since);
            (cluster.name.clone(), (cluster, kept.unwrap_or(now)))
        });
        let clusters = clusters.collect();
        let accepts = authentication::accepts(&self.peer_authentications, pod);
        let same = before.hosts == hosts && before.accepts == accepts && before.servers == servers;
        let routes_updated = if same { before.routes_updated } else { now };
        ProxyConfig { clusters, hosts, servers, routes_updated, accepts, version: self.version.clone() }
    }

    fn slices_of(&self, namespace: &str, service: &str) -> &[Object] {
        self.slices.get(&(namespace.to_owned(), service.to_owned())).map(Vec::as_slice).unwrap_or_default()
    }

    fn endpoints(&self, slices: &[Object], port: &Value) -> Vec<Seen> {
        let mut endpoints = Vec::new();
        for slice in slices {
            let target = slice["ports"]
                .as_array()
                .and_then(|ports| ports.iter().find(|p| p["name"] == port["name"]))
                .and_then(|p| p["port"].as_u64());
            let Some(target) = target.and_then(|n| u16::try_from(n).ok()) else { continue };
            for endpoint in slice["endpoints"].as_array().into_iter().flatten() {
                if endpoint["conditions"]["ready"] == false {
                    continue;
                }
                let key =
                    (text(&slice["metadata"]["namespace"]).to_owned(), text(&endpoint["targetRef"]["name"]).to_owned());
                let pod = self.pods.get(&key);
                let off = pod.is_some_and(|pod| {
                    authentication::accepts(&self.peer_authentications, pod).on(target) == Mode::Disable
                });
                let marked = pod.is_some_and(|pod| pod["metadata"]["labels"]["security.istio.io/tlsMode"] == "istio");
                let endpoint = Endpoint {
                    address: text(&endpoint["addresses"][0]).to_owned(),
                    port: target,
                    workload: pod.map(|pod| workload_label(pod)).unwrap_or_default(),
                    mutual_tls: marked && !off,
                    namespace: key.0,
                    pod: key.1,
                };
                endpoints.push(Seen { endpoint, off });
            }
        }
        endpoints
    }

    fn labelled(&self, endpoint: &Endpoint, labels: &Value) -> bool {
        let Some(pod) = self.pods.get(&(endpoint.namespace.clone(), endpoint.pod.clone())) else { return false };
        labels
            .as_object()
            .is_none_or(|labels| labels.iter().all(|(key, value)| &pod["metadata"]["labels"][key] == value))
    }

    fn routes(&self, host: &str, port: u16, client_namespace: &str) -> Vec<Route> {
        let virtual_service = self.virtual_services.iter().find(|object| {
            let namespace = text(&object["metadata"]["namespace"]);
            let for_mesh = object["spec"]["gateways"]
                .as_array()
                .is_none_or(|list| list.is_empty() || list.iter().any(|g| g == "mesh"));
            let names_host = object["spec"]["hosts"].as_array().is_some_and(|hosts| {
                hosts.iter().filter_map(Value::as_str).any(|h| rules::full_host(h, namespace) == host)
            });
            for_mesh && names_host && rules::exported(object, client_namespace)
        });
        match virtual_service {
            Some(object) => routes::of_virtual_service(object, "mesh", |_| port),
            None => vec![Route::plain(format!("outbound|{port}||{host}"))],
        }
    }

    /// The only port of a Service by its full name, which a route without a port means.
    pub(super) fn only_port(&self, host: &str) -> Option<u16> {
        let service = self.services.iter().find(|service| {
            let (namespace, name) = key_of(service);
            host == format!("{name}.{namespace}.svc.cluster.local")
        })?;
        match service["spec"]["ports"].as_array()?.as_slice() {
            [one] => one["port"].as_u64().and_then(|number| u16::try_from(number).ok()),
            _ => None,
        }
    }
}

/// An endpoint, and whether its own PeerAuthentication switches mutual TLS off.
struct Seen {
    endpoint: Endpoint,
    off: bool,
}

fn same_but_endpoints(a: &Cluster, b: &Cluster) -> bool {
    a.policy == b.policy && a.service == b.service && a.http == b.http && a.mutual_tls_off == b.mutual_tls_off
}

fn is_http(port: &Value) -> bool {
    let kind = port["appProtocol"]
        .as_str()
        .or_else(|| port["name"].as_str().map(|name| name.split('-').next().unwrap_or(name)))
        .unwrap_or_default();
    matches!(kind, "http" | "http2" | "grpc")
}

/// `workload;namespace;canonical name;canonical revision;cluster`.
pub fn workload_label(pod: &Value) -> String {
    let labels = &pod["metadata"]["labels"];
    let name = labels["service.istio.io/canonical-name"].as_str().or(labels["app"].as_str()).unwrap_or_default();
    let revision =
        labels["service.istio.io/canonical-revision"].as_str().or(labels["version"].as_str()).unwrap_or("latest");
    format!("{};{};{name};{revision};Kubernetes", workload_name(pod), text(&pod["metadata"]["namespace"]))
}

/// The Deployment a pod belongs to: its ReplicaSet's name without the template's hash.
pub fn workload_name(pod: &Value) -> &str {
    let owner = text(&pod["metadata"]["ownerReferences"][0]["name"]);
    let hash = text(&pod["metadata"]["labels"]["pod-template-hash"]);
    owner
        .strip_suffix(hash)
        .and_then(|name| name.strip_suffix('-'))
        .unwrap_or_else(|| if owner.is_empty() { text(&pod["metadata"]["name"]) } else { owner })
}
