//! The controllers of a cluster, as far as a mesh sees them: Deployments become ReplicaSets and Pods, Services get
//! EndpointSlices, pods start and end in the lab's time.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::seed;
use crate::api::webhooks::{self, Called};
use crate::crd::{Catalog, ResourceType};
use crate::store::{Object, Store};
use crate::world::objects::workloads;
use crate::world::spec::Workload;
use crate::world::{Spec, installation};

mod autoscaler;
mod bare;
mod crash;
mod definitions;
mod endpoints;
pub(crate) mod event;
pub mod inject;
pub mod label_selector;
pub mod network_policy;
mod sets;

pub use crash::Crash;

/// The field manager of the controllers' writes.
pub const MANAGER: &str = "kube-controller-manager";
/// How long a pod takes to end after it was deleted.
const TERMINATION: Duration = Duration::from_secs(2);

/// A pod's namespace and name.
pub type PodKey = (String, String);

/// The controllers' own memory: which pods become ready or disappear when, and the addresses given so far.
pub struct Controllers {
    seed: u64,
    pod_start: Duration,
    nodes: usize,
    spec: Spec,
    /// Pods that become ready at some time.
    starting: BTreeMap<PodKey, Timestamp>,
    /// Pods that disappear at some time.
    ending: BTreeMap<PodKey, Timestamp>,
    /// Pods that were made, which is also what the next one's name and address are made of.
    pods_made: u32,
    services_made: u32,
    /// Load balancers that were made for Services, by a cloud that has the addresses of TEST-NET-1 (RFC 5737).
    balancers_made: u8,
    /// A pod that never goes when it is deleted.
    keeps: Vec<PodKey>,
    /// Autoscalers whose target has to be changed, and when they look next.
    scaling: BTreeMap<PodKey, Timestamp>,
    /// Pods whose container ends soon after each start.
    pub crashes: Vec<Crash>,
}

impl Controllers {
    /// Controllers of a cluster that is still empty.
    pub fn new(spec: &Spec) -> Self {
        Controllers {
            seed: spec.seed,
            pod_start: spec.cluster.pod_start.0,
            nodes: spec.cluster.nodes.max(1),
            spec: spec.clone(),
            starting: BTreeMap::new(),
            ending: BTreeMap::new(),
            pods_made: 0,
            services_made: 0,
            balancers_made: 0,
            keeps: Vec::new(),
            scaling: BTreeMap::new(),
            crashes: Vec::new(),
        }
    }

    /// When the next pod starts or ends, if any does.
    pub fn next_event(&self) -> Option<Timestamp> {
        self.starting.values().chain(self.ending.values()).chain(self.scaling.values()).min().copied()
    }

    /// Marks a pod as being deleted for good without ever going.
    pub fn keep_terminating(&mut self, store: &Store, key: &PodKey, now: Timestamp) {
        if let Some(pod) = store.get("", "pods", &key.0, &key.1) {
            self.keeps.push(key.clone());
            self.terminate(store, &pod, now);
        }
    }

    /// Brings the cluster one step nearer to what its objects ask for; `at_once` makes new pods ready immediately.
    pub fn reconcile(&mut self, store: &Store, now: Timestamp, at_once: bool) {
        definitions::reconcile(store, now);
        installation::learn(&mut self.spec, store);
        self.start_and_end(store, now);
        autoscaler::reconcile(&mut self.scaling, store, now, at_once);
        for deployment in store.list("apps", "deployments", None) {
            self.deployment(store, &deployment, now, at_once);
        }
        for set in store.list("apps", "statefulsets", None) {
            self.stateful_set(store, &set, now, at_once);
        }
        for set in store.list("apps", "daemonsets", None) {
            self.daemon_set(store, &set, now, at_once);
        }
        self.adopt_deleted(store, now);
        self.take_in(store, now);
        for service in store.list("", "services", None) {
            self.service(store, &service);
        }
    }

    fn start_and_end(&mut self, store: &Store, now: Timestamp) {
        let due = |at: &Timestamp| *at <= now;
        let started: Vec<PodKey> = self.starting.iter().filter(|(_, at)| due(at)).map(|(key, _)| key.clone()).collect();
        for key in started {
            self.starting.remove(&key);
            if let Some(pod) = store.get("", "pods", &key.0, &key.1)
                && pod["metadata"]["deletionTimestamp"].is_null()
            {
                match self.crashes.iter().find(|crash| crash.concerns(&pod)) {
                    Some(crash) => crash.strike(store, &pod, now),
                    None if bare::cannot_be_pulled(&pod).is_some() => bare::back_off(store, &pod),
                    None if self.never_ready(&pod) => {
                        drop(store.put_status("", "pods", &key.0, &key.1, unready(&pod, now), "kubelet"));
                    }
                    None => drop(store.put_status("", "pods", &key.0, &key.1, running(&pod, now), "kubelet")),
                }
            }
        }
        let ended: Vec<PodKey> = self.ending.iter().filter(|(_, at)| due(at)).map(|(key, _)| key.clone()).collect();
        for key in ended {
            self.ending.remove(&key);
            store.delete("", "pods", &key.0, &key.1);
        }
    }

    /// Pods that a client marked for deletion end like those of a Deployment.
    fn adopt_deleted(&mut self, store: &Store, now: Timestamp) {
        for pod in store.list("", "pods", None) {
            let key = key_of(&pod);
            if pod["metadata"]["deletionTimestamp"].is_string()
                && !self.ending.contains_key(&key)
                && !self.keeps.contains(&key)
            {
                self.ending.insert(key, now + TERMINATION);
            }
        }
    }

    fn terminate(&mut self, store: &Store, pod: &Object, now: Timestamp) {
        let mut object = (**pod).clone();
        object["metadata"]["deletionTimestamp"] = json!(second(now));
        object["metadata"]["deletionGracePeriodSeconds"] = json!(30);
        store.put(object, MANAGER);
        let key = key_of(pod);
        if !self.keeps.contains(&key) {
            self.ending.insert(key, now + TERMINATION);
        }
    }

    fn deployment(&mut self, store: &Store, deployment: &Object, now: Timestamp, at_once: bool) {
        let namespace = text(&deployment["metadata"]["namespace"]);
        let name = text(&deployment["metadata"]["name"]);
        let desired = deployment["spec"]["replicas"].as_u64().unwrap_or(1) as usize;
        let template = &deployment["spec"]["template"];
        let hash = seed::suffix(seed::hash(0, &[namespace, name, &template.to_string()]), 10);
        let current_set = format!("{name}-{hash}");
        let uid = text(&deployment["metadata"]["uid"]);
        let sets: Vec<Object> =
            store.list("apps", "replicasets", Some(namespace)).into_iter().filter(|set| owned_by(set, uid)).collect();
        if !sets.iter().any(|set| set["metadata"]["name"] == current_set.as_str()) {
            store.put(replica_set(deployment, &current_set, &hash, desired), MANAGER);
        }
        let Some(set) = store.get("apps", "replicasets", namespace, &current_set) else { return };
        let all: Vec<Object> = store.list("", "pods", Some(namespace));
        let alive = |pod: &&Object| pod["metadata"]["deletionTimestamp"].is_null();
        let set_uid = text(&set["metadata"]["uid"]);
        let new: Vec<&Object> = all.iter().filter(|pod| owned_by(pod, set_uid)).filter(alive).collect();
        let old: Vec<&Object> = all
            .iter()
            .filter(|pod| {
                sets.iter().any(|other| {
                    other["metadata"]["uid"] != set["metadata"]["uid"] && owned_by(pod, text(&other["metadata"]["uid"]))
                })
            })
            .filter(alive)
            .collect();
        let surge = desired.div_ceil(4);
        let allowed = if old.is_empty() { desired } else { desired + surge };
        let to_make = desired.saturating_sub(new.len()).min(allowed.saturating_sub(new.len() + old.len()));
        for _ in 0..to_make {
            self.make_pod(store, deployment, &set, &hash, now, at_once);
        }
        // The youngest surplus pods go first.
        for pod in new.iter().rev().take(new.len().saturating_sub(desired)) {
            self.terminate(store, pod, now);
        }
        let ready = |pod: &&&Object| is_ready(pod);
        let mut spare =
            (new.iter().filter(ready).count() + old.iter().filter(ready).count()).saturating_sub(desired - desired / 4);
        for pod in &old {
            if !is_ready(pod) {
                self.terminate(store, pod, now);
            } else if spare > 0 {
                spare -= 1;
                self.terminate(store, pod, now);
            }
        }
        self.report(store, deployment, &sets, now);
    }

    fn report(&mut self, store: &Store, deployment: &Object, sets: &[Object], now: Timestamp) {
        let namespace = text(&deployment["metadata"]["namespace"]);
        let name = text(&deployment["metadata"]["name"]);
        let desired = deployment["spec"]["replicas"].as_u64().unwrap_or(1) as usize;
        let uid = text(&deployment["metadata"]["uid"]);
        let pods: Vec<Object> = store
            .list("", "pods", Some(namespace))
            .into_iter()
            .filter(|pod| pod["metadata"]["deletionTimestamp"].is_null())
            .collect();
        let (mut total, mut ready, mut updated) = (0, 0, 0);
        let hash = seed::suffix(seed::hash(0, &[namespace, name, &deployment["spec"]["template"].to_string()]), 10);
        for set in store.list("apps", "replicasets", Some(namespace)).iter().filter(|set| owned_by(set, uid)) {
            let own: Vec<&Object> = pods.iter().filter(|pod| owned_by(pod, text(&set["metadata"]["uid"]))).collect();
            let own_ready = own.iter().filter(|pod| is_ready(pod)).count();
            total += own.len();
            ready += own_ready;
            let current = set["metadata"]["labels"]["pod-template-hash"] == hash.as_str();
            if current {
                updated += own.len();
            }
            let wanted = if current { desired } else { own.len() };
            if set["spec"]["replicas"] != json!(wanted) {
                let mut changed = (**set).clone();
                changed["spec"]["replicas"] = json!(wanted);
                store.put(changed, MANAGER);
            }
            let status = json!({"replicas": own.len(), "fullyLabeledReplicas": own.len(), "readyReplicas": own_ready, "availableReplicas": own_ready, "observedGeneration": set["metadata"]["generation"]});
            put_status(store, set, "apps", "replicasets", without_zeros(status));
        }
        let done = ready >= desired && updated == total && total == desired;
        let available = ready >= desired - desired / 4;
        let condition = |kind: &str, is: bool, reason: &str, message: String| {
            let status = if is { "True" } else { "False" };
            let old =
                deployment["status"]["conditions"].as_array().and_then(|list| list.iter().find(|c| c["type"] == kind));
            let same = old.filter(|c| c["status"] == status && c["reason"] == reason);
            let since = same.map_or_else(|| json!(second(now)), |c| c["lastTransitionTime"].clone());
            let updated = same.map_or_else(|| json!(second(now)), |c| c["lastUpdateTime"].clone());
            json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": since, "lastUpdateTime": updated})
        };
        let _ = sets;
        let status = json!({
            "observedGeneration": deployment["metadata"]["generation"],
            "replicas": total, "updatedReplicas": updated, "readyReplicas": ready, "availableReplicas": ready,
            "unavailableReplicas": desired.saturating_sub(ready),
            "conditions": [
                condition("Available", available, if available { "MinimumReplicasAvailable" } else { "MinimumReplicasUnavailable" },
                    if available { "Deployment has minimum availability.".into() } else { "Deployment does not have minimum availability.".into() }),
                condition("Progressing", true, if done { "NewReplicaSetAvailable" } else { "ReplicaSetUpdated" },
                    format!("ReplicaSet \"{name}-{hash}\" {}", if done { "has successfully progressed." } else { "is progressing." })),
            ],
        });
        put_status(store, deployment, "apps", "deployments", without_zeros(status));
    }

    fn make_pod(
        &mut self,
        store: &Store,
        deployment: &Object,
        set: &Object,
        hash: &str,
        now: Timestamp,
        at_once: bool,
    ) {
        let set_name = text(&set["metadata"]["name"]);
        let index = self.pods_made + 1;
        let name = format!("{set_name}-{}", seed::suffix(seed::hash(self.seed, &[set_name, &index.to_string()]), 5));
        let new = NewPod {
            workload: text(&deployment["metadata"]["name"]),
            owner: set,
            kind: "ReplicaSet",
            labels: json!({"pod-template-hash": hash}),
            name,
            node: None,
        };
        self.spawn(store, &deployment["spec"]["template"], new, now, at_once);
    }

    /// Makes a pod of a template: asks the webhooks, lets istiod inject it, gives it a node and an address.
    fn spawn(&mut self, store: &Store, template: &Value, new: NewPod<'_>, now: Timestamp, at_once: bool) {
        let NewPod { workload, owner, kind, labels, name, node } = new;
        let namespace = text(&owner["metadata"]["namespace"]);
        let owner_name = text(&owner["metadata"]["name"]);
        self.pods_made += 1;
        let index = self.pods_made;
        let mut pod =
            json!({"apiVersion": "v1", "kind": "Pod", "metadata": template["metadata"], "spec": template["spec"]});
        pod["metadata"]["name"] = json!(name);
        pod["metadata"]["generateName"] = json!(format!("{owner_name}-"));
        pod["metadata"]["namespace"] = json!(namespace);
        for (key, value) in labels.as_object().into_iter().flatten() {
            pod["metadata"]["labels"][key] = value.clone();
        }
        if pod["metadata"]["annotations"].is_null() {
            pod["metadata"]["annotations"] = json!({});
        }
        pod["metadata"]["ownerReferences"] = json!([{"apiVersion": "apps/v1", "kind": kind, "name": owner_name, "uid": owner["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}]);
        let node = node.unwrap_or(1 + index as usize % self.nodes);
        pod["spec"]["nodeName"] = json!(format!("node-{node}"));
        if pod["spec"]["serviceAccountName"].is_null() {
            pod["spec"]["serviceAccountName"] = json!("default");
        }
        // When a world begins, its pods are there already.
        let called = if at_once { Ok(Called::Answered) } else { webhooks::call(store, pod_kind(), true, &pod) };
        match called {
            Err(failure) => {
                let message = format!("Error creating: {}", failure.message());
                event::warn(
                    store,
                    owner,
                    &format!("{}-controller", kind.to_lowercase()),
                    "FailedCreate",
                    &message,
                    now,
                );
                return;
            }
            Ok(Called::Ignored) => {}
            Ok(_) => {
                let before = self.workload(namespace, workload).and_then(|own| own.injected_by.clone());
                let revision = inject::revision(store, &pod).map(|now| before.filter(|_| at_once).unwrap_or(now));
                if let Some(revision) = revision {
                    inject::inject(&mut pod, &self.spec, workload, &revision);
                }
            }
        }
        if pod["metadata"]["annotations"].as_object().is_some_and(serde_json::Map::is_empty)
            && let Some(metadata) = pod["metadata"].as_object_mut()
        {
            metadata.remove("annotations");
        }
        pod["status"] = pending(&pod, node, index, now);
        if at_once {
            pod["status"] = running(&pod, now);
        } else {
            let jitter = seed::unit(seed::hash(self.seed, &["start", &name]));
            self.starting.insert((namespace.to_owned(), name), now + self.pod_start.mul_f64(0.75 + 0.5 * jitter));
        }
        store.put(pod, MANAGER);
    }

    /// What the world says of a workload.
    fn workload(&self, namespace: &str, name: &str) -> Option<&Workload> {
        let mut all = workloads(&self.spec);
        all.find(|(own, workload)| *own == namespace && workload.name == name).map(|(_, workload)| workload)
    }

    /// Whether the world says that a pod of this revision never becomes ready.
    fn never_ready(&self, pod: &Value) -> bool {
        let name = crate::mesh::istiod::config::workload_name(pod);
        self.workload(text(&pod["metadata"]["namespace"]), name)
            .and_then(|workload| workload.under.as_ref())
            .is_some_and(|under| {
                under.never_ready
                    && inject::has_sidecar(pod)
                    && crate::mesh::istiod::plane::revision_of(pod) == under.revision
            })
    }

    fn service(&mut self, store: &Store, service: &Object) {
        let mut service = service.clone();
        if service["spec"]["clusterIP"].is_null() && service["spec"]["type"] != "ExternalName" {
            self.services_made += 1;
            let ip = format!("10.96.{}.{}", 1 + self.services_made / 250, 1 + self.services_made % 250);
            let mut object = (*service).clone();
            object["spec"]["clusterIP"] = json!(ip);
            object["spec"]["clusterIPs"] = json!([ip]);
            service = store.put(object, MANAGER);
        }
        let wants = service["spec"]["type"] == "LoadBalancer" && service["status"]["loadBalancer"]["ingress"].is_null();
        if wants && !self.spec.cluster.load_balancers.is_empty() {
            self.balancers_made += 1;
            let address = format!("{}.{}", self.spec.cluster.load_balancers, self.balancers_made);
            let status = json!({"loadBalancer": {"ingress": [{"ip": address, "ipMode": "VIP"}]}});
            put_status(store, &service, "", "services", status);
        }
        endpoints::reconcile(store, &service);
    }
}

/// A pod that is to be made.
struct NewPod<'a> {
    /// Its workload.
    workload: &'a str,
    /// The object that owns it, and of what kind that is.
    owner: &'a Object,
    kind: &'static str,
    /// Labels beside those of the template.
    labels: Value,
    name: String,
    /// Its node; any if absent.
    node: Option<usize>,
}

fn pod_kind() -> &'static ResourceType {
    Catalog::get().by_plural("", "pods").expect("pods are built in")
}

fn pending(pod: &Value, node: usize, index: u32, now: Timestamp) -> Value {
    let ip = format!("10.244.{}.{}", node + usize::try_from(index / 750).unwrap_or(0) * 4, 2 + (index / 3) % 250);
    let since = second(now);
    json!({
        "phase": "Pending", "podIP": ip, "podIPs": [{"ip": ip}], "hostIP": format!("10.245.0.{node}"), "hostIPs": [{"ip": format!("10.245.0.{node}")}],
        "startTime": since, "qosClass": if inject::has_sidecar(pod) { "Burstable" } else { "BestEffort" },
        "conditions": conditions(false, &since),
        "containerStatuses": containers(pod, "containers", &since, false),
    })
}

fn running(pod: &Value, now: Timestamp) -> Value {
    let since = second(now);
    let mut status = pod["status"].clone();
    status["phase"] = json!("Running");
    status["conditions"] = conditions(true, &since);
    status["containerStatuses"] = containers(pod, "containers", &since, true);
    if pod["spec"]["initContainers"].is_array() {
        status["initContainerStatuses"] = containers(pod, "initContainers", &since, true);
    }
    status
}

/// A pod whose containers run, and whose application is not ready.
fn unready(pod: &Value, now: Timestamp) -> Value {
    let mut status = running(pod, now);
    status["conditions"] = conditions(false, &second(now));
    for container in status["containerStatuses"].as_array_mut().into_iter().flatten() {
        container["ready"] = json!(false);
    }
    status
}

fn conditions(ready: bool, since: &str) -> Value {
    let state = if ready { "True" } else { "False" };
    let one = |kind: &str, status: &str| json!({"type": kind, "status": status, "lastProbeTime": null, "lastTransitionTime": since});
    json!([
        one("PodReadyToStartContainers", "True"),
        one("Initialized", "True"),
        one("Ready", state),
        one("ContainersReady", state),
        one("PodScheduled", "True")
    ])
}

fn containers(pod: &Value, list: &str, since: &str, ready: bool) -> Value {
    let one = |container: &Value| {
        let done = list == "initContainers" && container["restartPolicy"].is_null();
        let state = match (ready, done) {
            (false, _) => json!({"waiting": {"reason": "ContainerCreating"}}),
            (true, true) => {
                json!({"terminated": {"exitCode": 0, "reason": "Completed", "startedAt": since, "finishedAt": since}})
            }
            (true, false) => json!({"running": {"startedAt": since}}),
        };
        json!({
            "name": container["name"], "image": container["image"], "imageID": "", "lastState": {}, "restartCount": 0,
            "ready": ready, "started": ready && !done, "state": state,
        })
    };
    json!(pod["spec"][list].as_array().map(|all| all.iter().map(one).collect::<Vec<_>>()).unwrap_or_default())
}

fn replica_set(deployment: &Value, name: &str, hash: &str, replicas: usize) -> Value {
    let mut template = deployment["spec"]["template"].clone();
    template["metadata"]["labels"]["pod-template-hash"] = json!(hash);
    let mut selector = deployment["spec"]["selector"].clone();
    selector["matchLabels"]["pod-template-hash"] = json!(hash);
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": deployment["metadata"]["namespace"], "labels": template["metadata"]["labels"],
            "annotations": {"deployment.kubernetes.io/desired-replicas": replicas.to_string()},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": deployment["metadata"]["name"], "uid": deployment["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true}],
        },
        "spec": {"replicas": replicas, "selector": selector, "template": template},
    })
}

fn put_status(store: &Store, object: &Object, group: &str, plural: &str, status: Value) {
    if object["status"] != status {
        store.put_status(
            group,
            plural,
            text(&object["metadata"]["namespace"]),
            text(&object["metadata"]["name"]),
            status,
            MANAGER,
        );
    }
}

/// Kubernetes leaves counts of zero out, but for `replicas` and `observedGeneration`.
fn without_zeros(mut status: Value) -> Value {
    if let Some(map) = status.as_object_mut() {
        map.retain(|key, value| key == "replicas" || *value != json!(0));
    }
    status
}

fn owned_by(object: &Value, uid: &str) -> bool {
    object["metadata"]["ownerReferences"]
        .as_array()
        .is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == uid))
}

/// Whether a pod's condition `Ready` is true.
pub fn is_ready(pod: &Value) -> bool {
    pod["status"]["conditions"]
        .as_array()
        .is_some_and(|list| list.iter().any(|c| c["type"] == "Ready" && c["status"] == "True"))
}

/// A pod's namespace and name.
pub fn key_of(object: &Value) -> PodKey {
    (text(&object["metadata"]["namespace"]).to_owned(), text(&object["metadata"]["name"]).to_owned())
}

/// The text of a JSON string, empty if it is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// RFC 3339 with whole seconds, as `metav1.Time` prints it.
pub fn second(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
