//! What a world file says, as types. Each field's default is what an ordinary mesh has.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::causes::{CpuLimit, Dependency, Faulty, UnderRevision};
use super::control_plane::{ControlPlaneFaults, Revision};
use super::gateway::Gateway;
use super::memory::ProxyMemory;
use super::span::Span;

/// One world: a cluster, its workloads, their traffic, a fault and its cure.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Spec {
    /// One line that says what is wrong in this world.
    pub summary: String,
    /// The namespace that the kubeconfig points at, and the default for workloads.
    #[serde(default = "default_namespace")]
    pub namespace: String,
    /// Whether that namespace is still to be made; it has no workload then.
    #[serde(default)]
    pub is_new: bool,
    /// Everything that looks random follows from this number.
    #[serde(default = "default_seed")]
    pub seed: u64,
    /// How long the mesh has been running when the lab opens: its history in Prometheus.
    #[serde(default = "default_warm_up")]
    pub warm_up: Span,
    /// The cluster and its control plane.
    #[serde(default)]
    pub cluster: Cluster,
    /// What can be observed.
    #[serde(default)]
    pub telemetry: Telemetry,
    /// The applications.
    #[serde(default)]
    pub workload: Vec<Workload>,
    /// Ingress gateways of the classic way.
    #[serde(default)]
    pub gateway: Vec<Gateway>,
    /// Who calls whom, and how much.
    #[serde(default)]
    pub traffic: Vec<Traffic>,
    /// A crowd of further workloads, each with one pod and one service, for measurements.
    #[serde(default)]
    pub crowd: Crowd,
    /// Istio and Kubernetes objects, in a file as YAML documents.
    #[serde(default)]
    pub objects: Vec<Value>,
    /// Public names, and the addresses to which whoever rehearses finds them lead.
    #[serde(default)]
    pub names: BTreeMap<String, Vec<String>>,
    /// What is broken besides what `objects` and `traffic` bring about.
    #[serde(default)]
    pub faults: Faults,
    /// Whether it is there to rehearse a procedure on (an upgrade, a restoration) and no troubleshooting runbook is about it.
    #[serde(default)]
    pub operations: bool,
    /// What heals this world.
    pub cure: Cure,
}

fn default_namespace() -> String {
    "summit".into()
}
fn default_seed() -> u64 {
    1
}
fn default_warm_up() -> Span {
    Span::millis(300_000)
}

/// The cluster and its control plane.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Cluster {
    /// Version of the Kubernetes API server.
    pub kubernetes: String,
    /// Version of istiod and its proxies.
    pub istio: String,
    /// How much of Istio is there.
    pub installation: Extent,
    /// `metadata.uid` of the namespace `kube-system`, by which clusters are told apart; the same in all worlds that say none.
    pub uid: Option<String>,
    /// The first three parts of the addresses of its load balancers; empty where nothing gives a Service of type
    /// LoadBalancer an address.
    pub load_balancers: String,
    /// Whether the namespaces of workloads say that new pods get a sidecar (`istio-injection=enabled`).
    pub injection: bool,
    /// Number of nodes.
    pub nodes: usize,
    /// Number of istiod pods.
    pub istiods: usize,
    /// Further revisions of istiod.
    pub revision: Vec<Revision>,
    /// Whether `istio-proxy` is a native sidecar (an init container that restarts).
    pub native_sidecars: bool,
    /// Whether proxies let out only what they are told of (`outboundTrafficPolicy.mode: REGISTRY_ONLY`).
    pub registry_only: bool,
    /// A memory limit, and the same request, that the injector's own template gives to every sidecar, whatever annotations say.
    pub fixed_proxy_memory_limit: Option<String>,
    /// The shortest time until a changed object reaches a proxy.
    pub push_min: Span,
    /// The longest time until a changed object reaches a proxy.
    pub push_max: Span,
    /// The time from a pod's creation to its readiness.
    pub pod_start: Span,
}

impl Default for Cluster {
    fn default() -> Self {
        Cluster {
            kubernetes: "1.37.0".into(),
            istio: "1.31.0".into(),
            installation: Extent::Whole,
            uid: None,
            load_balancers: "192.0.2".into(),
            injection: true,
            nodes: 3,
            istiods: 1,
            revision: Vec::new(),
            native_sidecars: true,
            registry_only: false,
            fixed_proxy_memory_limit: None,
            push_min: Span::millis(100),
            push_max: Span::millis(400),
            pod_start: Span::millis(3_000),
        }
    }
}

/// How much of Istio a cluster has when the lab opens.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Extent {
    /// Nothing: not even its CustomResourceDefinitions.
    None,
    /// What an installation of `istioctl manifest generate` makes before istiod: the definitions, the namespace, accounts,
    /// permissions and ConfigMaps.
    Begun,
    /// All of it.
    #[default]
    Whole,
}

/// What can be observed in a world.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Telemetry {
    /// Whether there is a Prometheus in `istio-system`.
    pub prometheus: bool,
    /// How often it scrapes.
    pub scrape_interval: Span,
    /// Whether the proxies export `istio_requests_total` and its kin.
    pub istio_metrics: bool,
    /// Whether the mesh configuration switches access logs on.
    pub access_log: bool,
    /// `proxyStatsMatcher.inclusionRegexps` of the mesh: names of Envoy statistics exported by each proxy.
    pub proxy_stats: Vec<String>,
    /// Whether cAdvisor's `container_*` metrics are scraped.
    pub cpu: bool,
    /// Whether a metrics server serves `metrics.k8s.io`.
    pub metrics_api: bool,
    /// Prometheus' alerting rules: a rule file, YAML.
    pub rules: String,
    /// Whether proxies send traces to a Jaeger in `istio-system`.
    pub tracing: bool,
    /// A provider of the mesh configuration that takes spans, if it has one: its name, as a Telemetry asks for it.
    pub span_provider: String,
}

impl Default for Telemetry {
    fn default() -> Self {
        Telemetry {
            prometheus: true,
            scrape_interval: Span::millis(15_000),
            istio_metrics: true,
            access_log: false,
            proxy_stats: Vec::new(),
            cpu: true,
            metrics_api: false,
            rules: String::new(),
            tracing: false,
            span_provider: String::new(),
        }
    }
}

/// A Deployment, StatefulSet or DaemonSet, and the Service in front of it if it listens.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Workload {
    /// Name of the Deployment.
    pub name: String,
    /// Namespace; the world's if absent.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Label `app`, and the Service's name; the workload's name if absent.
    #[serde(default)]
    pub app: Option<String>,
    /// Label `version`.
    #[serde(default = "default_version")]
    pub version: String,
    /// Number of pods.
    #[serde(default = "default_replicas")]
    pub replicas: usize,
    /// HTTP ports that the application listens on. Empty: no Service.
    #[serde(default)]
    pub ports: Vec<u16>,
    /// The time an idle pod takes to answer one request, on average.
    #[serde(default = "default_service_time")]
    pub service_time: Span,
    /// How many requests a pod works on at once; the others wait in its queue.
    #[serde(default = "default_capacity")]
    pub capacity: u32,
    /// Whether pods get a sidecar; if not, the pod template says `sidecar.istio.io/inject: "false"`.
    #[serde(default = "yes")]
    pub sidecar: bool,
    /// Overrides `cluster.native_sidecars`.
    #[serde(default)]
    pub native_sidecar: Option<bool>,
    /// The revision of Istio that injects it, by the pod's label `istio.io/rev`; the namespace says nothing then.
    #[serde(default)]
    pub revision: Option<String>,
    /// `proxyStatsMatcher.inclusionRegexps` of this workload's pods, by annotation `proxy.istio.io/config`.
    #[serde(default)]
    pub proxy_stats: Vec<String>,
    /// Whether its container says when it is ready (`readinessProbe`).
    #[serde(default)]
    pub probe: bool,
    /// Share of requests (0 to 1) that the application answers with `error_code`.
    #[serde(default)]
    pub error_rate: f64,
    /// The status of the application's own errors.
    #[serde(default = "default_error_code")]
    pub error_code: u16,
    /// The application does not listen: its sidecar is alive, the connection to it refused.
    #[serde(default)]
    pub down: bool,
    /// Further labels of the Deployment object, such as `argocd.argoproj.io/instance`.
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// The services that it asks before it answers.
    #[serde(default)]
    pub calls: Vec<Dependency>,
    /// A CPU limit that throttles it; without one the limit is a core, which it never exceeds.
    #[serde(default)]
    pub cpu: Option<CpuLimit>,
    /// Pods of it that err.
    #[serde(default)]
    pub faulty: Option<Faulty>,
    /// Further annotations of the pod template, such as `sidecar.istio.io/proxyMemoryLimit`.
    #[serde(default)]
    pub annotations: BTreeMap<String, String>,
    /// Containers `istio-proxy` of the pod template's own: the injector merges them over what it says itself.
    #[serde(default)]
    pub own_sidecar: Vec<Value>,
    /// What its sidecars need memory for.
    #[serde(default)]
    pub memory: ProxyMemory,
    /// What keeps its pods running.
    #[serde(default)]
    pub kind: WorkloadKind,
    /// The revision that had injected its pods when the world began, whatever the namespace says by now.
    #[serde(default)]
    pub injected_by: Option<String>,
    /// What becomes of its pods under the proxies of one revision.
    #[serde(default)]
    pub under: Option<UnderRevision>,
}

/// What keeps the pods of a workload running.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WorkloadKind {
    /// A Deployment: a new ReplicaSet beside the old one.
    #[default]
    Deployment,
    /// A StatefulSet: each pod by its own name, the highest first.
    StatefulSet,
    /// A DaemonSet: a pod on each node, whatever `replicas` says.
    DaemonSet,
}

fn default_version() -> String {
    "v1".into()
}
fn default_replicas() -> usize {
    1
}
fn default_service_time() -> Span {
    Span::millis(20)
}
fn default_capacity() -> u32 {
    64
}
fn default_error_code() -> u16 {
    500
}
fn yes() -> bool {
    true
}

/// A stream of requests from all pods of a workload to a host.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Traffic {
    /// The calling workload; a gateway for what its clients ask, with the host that they ask for as `to`.
    pub from: String,
    /// Its namespace; the world's if absent.
    #[serde(default)]
    pub from_namespace: Option<String>,
    /// The host and port as the caller writes them, such as `graph-core.summit:8080`.
    pub to: String,
    /// Open loop: requests each second, of all the workload's pods together.
    #[serde(default)]
    pub rate: Option<f64>,
    /// Closed loop: clients of all the workload's pods together, each waiting for its answer.
    #[serde(default)]
    pub concurrency: Option<f64>,
    /// Closed loop: the pause between an answer and the next request.
    #[serde(default)]
    pub think: Span,
    /// How the load is spread over the pods, in the order of their creation; equal if absent.
    #[serde(default)]
    pub shares: Vec<f64>,
    /// Multiplies the load from some moment on, in the order of time.
    #[serde(default)]
    pub changes: Vec<LoadChange>,
    /// The time after which the calling application gives up and disconnects.
    #[serde(default = "default_client_timeout")]
    pub client_timeout: Span,
    /// What the access logs say after the method.
    #[serde(default = "default_path")]
    pub path: String,
}

fn default_client_timeout() -> Span {
    Span::millis(60_000)
}
fn default_path() -> String {
    "/".into()
}

/// From some moment on, the load is `factor` times what the world says.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadChange {
    /// Time since the lab opened.
    #[serde(default)]
    pub after: Span,
    /// Time before the lab opened, instead: what its history in Prometheus begins with.
    #[serde(default)]
    pub ago: Option<Span>,
    /// Multiplier of rate or concurrency.
    pub factor: f64,
}

/// Further workloads `crowd-N`, each with a Service, one pod and a trickle of traffic.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Crowd {
    /// How many proxies.
    pub proxies: usize,
    /// The host that each of them calls; none if empty.
    pub calls: String,
    /// Requests each second of each of them.
    pub rate: f64,
    /// Services without pods that every proxy nevertheless knows: a real dump's size.
    pub services: usize,
}

/// What is broken besides what objects and traffic bring about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// Added to each answer of the Kubernetes API.
    pub api_latency: Span,
    /// Added to each answer of an Envoy admin page.
    pub admin_latency: Span,
    /// Faults of single proxies.
    pub proxy: Vec<ProxyFault>,
    /// What is wrong with Prometheus.
    pub prometheus: PrometheusFault,
    /// Traffic that comes from a cluster this API server does not know.
    pub callers_elsewhere: Vec<CallerElsewhere>,
    /// Calls of the Kubernetes API that are answered 429, counted from 1.
    pub too_many_requests: Vec<u64>,
    /// The Kubernetes API closes connections without an answer.
    pub api_down: bool,
    /// What the Kubernetes API forbids to everybody.
    pub denied: Vec<DeniedVerb>,
    /// The validating webhook refuses Istio objects with this text.
    pub webhook_refuses: Option<String>,
    /// Somebody else's changes right after an object was read.
    pub interference: Vec<OtherWriter>,
    /// istiod's pods do not answer and push nothing.
    pub istiod_down: bool,
    /// What is wrong with the control plane.
    pub control_plane: ControlPlaneFaults,
    /// Objects that a GitOps controller owns and writes back.
    pub gitops: Vec<super::gitops::GitOps>,
}

/// A forbidden verb.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeniedVerb {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete` or `*`.
    pub verb: String,
    /// API group, empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Plural name, with the subresource if it is one.
    pub resource: String,
    /// Where it is forbidden; everywhere if absent.
    #[serde(default)]
    pub namespace: Option<String>,
}

/// A change by another client right after an object was read.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherWriter {
    /// API group, empty for the core group.
    #[serde(default)]
    pub group: String,
    /// Plural name.
    pub resource: String,
    /// The object's namespace; the world's if absent.
    #[serde(default)]
    pub namespace: Option<String>,
    /// The object's name.
    pub name: String,
    /// After which read of it, counted from 1.
    #[serde(default = "first")]
    pub after_get: u64,
    /// A JSON merge patch.
    pub patch: Value,
    /// The field manager in whose name it is made.
    #[serde(default = "other_manager")]
    pub manager: String,
}

fn first() -> u64 {
    1
}
fn other_manager() -> String {
    "kubectl-edit".into()
}

/// A fault of one pod's proxy.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProxyFault {
    /// The pod's workload.
    pub workload: String,
    /// Which of its pods, in the order of their creation.
    #[serde(default)]
    pub pod: usize,
    /// What is wrong.
    pub kind: ProxyFaultKind,
    /// For `laggard`: what a push takes longer.
    #[serde(default)]
    pub delay: Span,
}

/// What can be wrong with a proxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProxyFaultKind {
    /// The admin port accepts and never answers.
    AdminHangs,
    /// The admin port answers 503.
    #[serde(rename = "admin-503")]
    Admin503,
    /// The admin port answers 200 with bytes that are no page of Envoy.
    AdminGarbage,
    /// Its overflow counters stand beyond the range of a signed 64-bit number.
    HugeCounter,
    /// The pod is being deleted and does not go.
    Terminating,
    /// No port of the pod answers.
    Unreachable,
    /// Pushes reach it later by `delay`.
    Laggard,
    /// Pushes never reach it.
    Stuck,
    /// Its agent did not renew its certificate, which has expired.
    ExpiredCertificate,
    /// Its agent did not renew its certificate, which ends 40 minutes after the proxy's start.
    EndingCertificate,
    /// Its certificate and the root that it trusts are those of the certificate authority before the present one.
    FormerRoot,
}

/// What can be wrong with Prometheus.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PrometheusFault {
    /// Nothing.
    #[default]
    None,
    /// Its pod is there, the port refuses.
    Down,
    /// It answers 503 to each query.
    Unavailable,
    /// It runs and scrapes nothing: each query is answered by an empty result.
    NoSeries,
    /// It stopped scraping when the lab opened.
    Stale,
}

/// Requests from another cluster of a multicluster mesh.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CallerElsewhere {
    /// The other cluster's id, as in label `source_cluster`.
    pub cluster: String,
    /// The calling workload there.
    pub workload: String,
    /// The host here, such as `graph-core.summit:8080`.
    pub to: String,
    /// Requests each second.
    pub rate: f64,
    /// The part of them (0 to 1) that the other cluster's proxies refuse before they are sent; visible only there.
    #[serde(default)]
    pub refused: f64,
}

/// What heals a world.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cure {
    /// The change that heals, or `none`.
    pub change: String,
    /// Why.
    pub because: String,
}
