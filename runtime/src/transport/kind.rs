//! Which kind a name means: `deploy`, `DestinationRule`, `gateways.networking.istio.io`.
//!
//! Kubernetes' own kinds, and those that the library brings, are known without asking, so that a fresh process
//! that reads one object makes one request. For any other name the API server is asked (aggregated discovery,
//! `apidiscovery.k8s.io/v2`), once for each connection.

use serde::Deserialize;
use serde_json::Value;
use tokio::sync::OnceCell;

use super::server::{Question, Server};
use super::status::Asked;
use crate::effect::ResourceKind;
use crate::failure::{BAD_ANSWER, Failure, NOT_FOUND, nearest};

/// A kind and the names by which people call it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownKind {
    /// The kind.
    pub kind: ResourceKind,
    /// Short names, as `kubectl api-resources` lists them.
    pub short: Vec<String>,
}

impl KnownKind {
    /// A kind with its short names.
    pub fn new(kind: ResourceKind, short: &[&str]) -> Self {
        KnownKind { kind, short: short.iter().map(|&name| name.to_owned()).collect() }
    }

    /// Whether `name`, in lower case, is its kind, singular, plural or a short name.
    fn is_called(&self, name: &str) -> bool {
        self.kind.plural == name
            || self.kind.kind.eq_ignore_ascii_case(name)
            || self.short.iter().any(|short| short == name)
    }

    fn is_of(&self, qualifier: &str) -> bool {
        self.kind.group == qualifier || format!("{}.{}", self.kind.version, self.kind.group) == qualifier
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        [self.kind.plural.as_str(), self.kind.kind.as_str()].into_iter().chain(self.short.iter().map(String::as_str))
    }
}

/// What Kubernetes itself has served in these versions for years. Names that another API group is known to use
/// as well (`gateway`, `event`) are left to discovery, which knows the server's order.
fn kubernetes() -> Vec<KnownKind> {
    let namespaced = |group, version, kind, plural, short: &[&str]| {
        KnownKind::new(ResourceKind::namespaced(group, version, kind, plural), short)
    };
    let cluster = |group, version, kind, plural, short: &[&str]| {
        KnownKind::new(ResourceKind::cluster(group, version, kind, plural), short)
    };
    vec![
        namespaced("", "v1", "Pod", "pods", &["po"]),
        namespaced("", "v1", "Service", "services", &["svc"]),
        namespaced("", "v1", "ConfigMap", "configmaps", &["cm"]),
        namespaced("", "v1", "Secret", "secrets", &[]),
        namespaced("", "v1", "Endpoints", "endpoints", &["ep"]),
        namespaced("", "v1", "ServiceAccount", "serviceaccounts", &["sa"]),
        cluster("", "v1", "Namespace", "namespaces", &["ns"]),
        cluster("", "v1", "Node", "nodes", &["no"]),
        namespaced("apps", "v1", "Deployment", "deployments", &["deploy"]),
        namespaced("apps", "v1", "StatefulSet", "statefulsets", &["sts"]),
        namespaced("apps", "v1", "DaemonSet", "daemonsets", &["ds"]),
        namespaced("apps", "v1", "ReplicaSet", "replicasets", &["rs"]),
        namespaced("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers", &["hpa"]),
        namespaced("batch", "v1", "Job", "jobs", &[]),
        namespaced("batch", "v1", "CronJob", "cronjobs", &["cj"]),
        namespaced("coordination.k8s.io", "v1", "Lease", "leases", &[]),
        namespaced("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", &[]),
        namespaced("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", &["netpol"]),
        namespaced("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", &["pdb"]),
    ]
}

/// The kinds that are known without asking.
pub(super) struct Known(Vec<KnownKind>);

impl Known {
    /// Kubernetes' own kinds and these.
    pub(super) fn new(more: Vec<KnownKind>) -> Self {
        let mut known = kubernetes();
        known.extend(more);
        Known(known)
    }

    /// The kind that a name means; `plural.group` and `plural.version.group` narrow it.
    pub(super) fn find(&self, name: &str) -> Option<ResourceKind> {
        find(&self.0, &name.trim().to_ascii_lowercase())
    }

    /// All of them.
    pub(super) fn all(&self) -> &[KnownKind] {
        &self.0
    }
}

/// Finds kinds by name, and remembers what the server said.
pub(super) struct Kinds {
    known: Known,
    served: OnceCell<Vec<KnownKind>>,
}

impl Kinds {
    /// Knows Kubernetes' own kinds and these.
    pub(super) fn new(more: Vec<KnownKind>) -> Self {
        Kinds { known: Known::new(more), served: OnceCell::new() }
    }

    /// Those that are known, and those that the server serves.
    pub(super) async fn all(&self, server: &Server) -> Result<Vec<KnownKind>, Failure> {
        let served = self.served.get_or_try_init(|| served(server)).await?;
        Ok(self.known.all().iter().chain(served).cloned().collect())
    }

    /// Those that the server serves in these groups, each in the first version that it names, which it prefers. No group
    /// stands for all.
    pub(super) async fn of_groups(&self, server: &Server, groups: &[String]) -> Result<Vec<ResourceKind>, Failure> {
        let served = self.served.get_or_try_init(|| served(server)).await?;
        let mut kinds: Vec<ResourceKind> = Vec::new();
        for KnownKind { kind, .. } in
            served.iter().filter(|known| groups.is_empty() || groups.contains(&known.kind.group))
        {
            if !kinds.iter().any(|one| one.group == kind.group && one.plural == kind.plural) {
                kinds.push(kind.clone());
            }
        }
        Ok(kinds)
    }

    /// The kind that a name means; `plural.group` and `plural.version.group` narrow it.
    pub(super) async fn resolve(&self, server: &Server, name: &str) -> Result<ResourceKind, Failure> {
        if let Some(kind) = self.known.find(name) {
            return Ok(kind);
        }
        let lower = name.trim().to_ascii_lowercase();
        let served = self.served.get_or_try_init(|| served(server)).await?;
        if let Some(kind) = find(served, &lower) {
            return Ok(kind);
        }
        let failure = Failure::new(
            &NOT_FOUND,
            format!("the API server serves no kind called `{}`", super::status::printable(name)),
        );
        let names = self.known.all().iter().chain(served).flat_map(KnownKind::names);
        Err(match nearest(&lower, names) {
            Some(near) => failure.hint(format!("did you mean `{near}`?")),
            None => failure.hint("`kubectl api-resources` lists the kinds"),
        })
    }
}

/// The first that is called so; the server lists its groups in the order of their priority.
fn find(kinds: &[KnownKind], name: &str) -> Option<ResourceKind> {
    let found = match name.split_once('.') {
        None => kinds.iter().find(|kind| kind.is_called(name)),
        Some((name, qualifier)) => kinds.iter().find(|kind| kind.is_called(name) && kind.is_of(qualifier)),
    };
    found.map(|found| found.kind.clone())
}

/// `APIGroupDiscoveryList` of `apidiscovery.k8s.io/v2`, as far as it is needed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Groups {
    items: Vec<Group>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Group {
    metadata: Metadata,
    versions: Vec<Version>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Metadata {
    name: String,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Version {
    version: String,
    resources: Vec<Resource>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default, rename_all = "camelCase")]
struct Resource {
    resource: String,
    response_kind: Kind,
    scope: String,
    short_names: Vec<String>,
    verbs: Vec<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Kind {
    kind: String,
}

const AGGREGATED: &str = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList,application/json;g=apidiscovery.k8s.io;v=v2beta1;as=APIGroupDiscoveryList";

async fn served(server: &Server) -> Result<Vec<KnownKind>, Failure> {
    let ask = |path: &'static str| async move {
        let asked = Asked::to("read", format!("the kinds at {path}"));
        let body = server.ask(&Question { accept: AGGREGATED, ..Question::get(path.into(), asked) }).await?;
        groups(&body).ok_or_else(|| {
            Failure::new(
                &BAD_ANSWER,
                format!("{} does not list its kinds at {path} in the aggregated form", server.address()),
            )
            .hint("this needs Kubernetes 1.27 or newer; Kubernetes' own kinds can be named all the same")
        })
    };
    let (core, others) = futures::future::try_join(ask("/api"), ask("/apis")).await?;
    Ok(core.into_iter().chain(others).collect())
}

/// The kinds of one list (`APIGroupDiscoveryList`, the aggregated discovery of `/api` and `/apis`); `None` if it is not
/// of this form.
pub fn groups(body: &[u8]) -> Option<Vec<KnownKind>> {
    let document: Value = serde_json::from_slice(body).ok()?;
    if document["kind"] != "APIGroupDiscoveryList" {
        return None;
    }
    let groups: Groups = serde_json::from_value(document).ok()?;
    let mut kinds = Vec::new();
    for group in groups.items {
        for version in group.versions {
            // What cannot be listed is a question to the server, such as a review, and no object.
            let is_object = |one: &Resource| one.verbs.is_empty() || one.verbs.iter().any(|verb| verb == "list");
            for resource in version.resources.into_iter().filter(is_object) {
                kinds.push(KnownKind {
                    kind: ResourceKind {
                        group: group.metadata.name.clone(),
                        version: version.version.clone(),
                        kind: resource.response_kind.kind,
                        plural: resource.resource,
                        namespaced: resource.scope == "Namespaced",
                    },
                    short: resource.short_names,
                });
            }
        }
    }
    Some(kinds)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test may fail by panic")]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn kubernetes_own_kinds_are_known_by_every_name() {
        let known = kubernetes();
        for name in ["deploy", "deployment", "deployments", "deployments.apps", "deploy.v1.apps"] {
            assert_eq!(find(&known, name).unwrap().kind, "Deployment", "{name}");
        }
        assert_eq!(find(&known, "ns").unwrap(), ResourceKind::cluster("", "v1", "Namespace", "namespaces"));
        assert_eq!(find(&known, "deployments.other.example"), None);
        assert_eq!(find(&known, "gateway"), None);
    }

    #[test]
    fn the_first_group_and_version_win_unless_narrowed() {
        let body = serde_json::json!({"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": [
            {"metadata": {"name": "gateway.networking.k8s.io"}, "versions": [
                {"version": "v1", "resources": [{"resource": "gateways", "responseKind": {"kind": "Gateway"}, "scope": "Namespaced", "shortNames": ["gtw"]}]}]},
            {"metadata": {"name": "networking.istio.io"}, "versions": [
                {"version": "v1", "resources": [{"resource": "gateways", "responseKind": {"kind": "Gateway"}, "scope": "Namespaced", "shortNames": ["gw"]}]},
                {"version": "v1beta1", "resources": [{"resource": "gateways", "responseKind": {"kind": "Gateway"}, "scope": "Namespaced"}]}]},
        ]});
        let kinds = groups(body.to_string().as_bytes()).unwrap();
        let group = |name: &str| find(&kinds, name).map(|kind| kind.api_version());
        assert_eq!(group("gateway").as_deref(), Some("gateway.networking.k8s.io/v1"));
        assert_eq!(group("gw").as_deref(), Some("networking.istio.io/v1"));
        assert_eq!(group("gateways.networking.istio.io").as_deref(), Some("networking.istio.io/v1"));
        assert_eq!(group("gateways.v1beta1.networking.istio.io").as_deref(), Some("networking.istio.io/v1beta1"));
    }

    #[test]
    fn the_old_form_of_discovery_is_told_from_the_aggregated_one() {
        assert_eq!(groups(br#"{"kind":"APIGroupList","groups":[]}"#), None);
        assert_eq!(groups(b"<html>"), None);
    }

    proptest! {
        #[test]
        fn no_list_panics(body in proptest::collection::vec(any::<u8>(), 0..200), name in ".{0,30}") {
            let _ = groups(&body);
            let _ = find(&kubernetes(), &name);
        }
    }
}
