//! The built-in kinds of Kubernetes 1.37 that the lab serves, as discovery of a real API server lists them.

use super::schema::Reader;
use super::{ResourceType, Subresource};

/// What a resource can do.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verbs {
    /// Everything, with `deletecollection`.
    All,
    /// Everything but `deletecollection`.
    NoCollection,
    /// Only `create`, and nothing is kept.
    Review,
}

struct Row {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short: &'static [&'static str],
    categories: &'static [&'static str],
    namespaced: bool,
    generation: bool,
    verbs: Verbs,
    /// Component name of the schema in OpenAPI.
    component: &'static str,
    /// Subresources as `name:verbs`, with `:group/version/Kind` if that is not the resource's own.
    subresources: &'static [&'static str],
}

const ALL: &[&str] = &["all"];
const EXTENSIONS: &[&str] = &["api-extensions"];
const STATUS: &str = "status:get,patch,update";
const SCALE: &str = "scale:get,patch,update:autoscaling/v1/Scale";
const CORE: &str = "io.k8s.api.core.v1";
const APPS: &str = "io.k8s.api.apps.v1";
const AUTHENTICATION: &str = "io.k8s.api.authentication.v1";
const AUTHORIZATION: &str = "io.k8s.api.authorization.v1";
const ADMISSION: &str = "io.k8s.api.admissionregistration.v1";
const RBAC: &str = "rbac.authorization.k8s.io";

const fn namespaced(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    component: &'static str,
) -> Row {
    Row {
        group,
        version,
        kind,
        plural,
        component,
        short: &[],
        categories: &[],
        namespaced: true,
        generation: false,
        verbs: Verbs::All,
        subresources: &[],
    }
}

const fn cluster(
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    component: &'static str,
) -> Row {
    Row { namespaced: false, ..namespaced(group, version, kind, plural, component) }
}

const fn review(group: &'static str, kind: &'static str, plural: &'static str, component: &'static str) -> Row {
    Row { verbs: Verbs::Review, ..cluster(group, "v1", kind, plural, component) }
}

const ROWS: &[Row] = &[
    Row { short: &["cm"], ..namespaced("", "v1", "ConfigMap", "configmaps", CORE) },
    Row { short: &["ep"], ..namespaced("", "v1", "Endpoints", "endpoints", CORE) },
    Row { short: &["ev"], ..namespaced("", "v1", "Event", "events", CORE) },
    Row {
        short: &["ns"],
        verbs: Verbs::NoCollection,
        subresources: &["finalize:update", STATUS],
        ..cluster("", "v1", "Namespace", "namespaces", CORE)
    },
    Row { short: &["no"], subresources: &[STATUS], ..cluster("", "v1", "Node", "nodes", CORE) },
    Row {
        short: &["po"],
        categories: ALL,
        generation: true,
        subresources: &[
            "eviction:create:policy/v1/Eviction",
            "exec:create,get://PodExecOptions",
            "log:get",
            "portforward:create,get://PodPortForwardOptions",
            "proxy:create,delete,get,patch,update://PodProxyOptions",
            STATUS,
        ],
        ..namespaced("", "v1", "Pod", "pods", CORE)
    },
    namespaced("", "v1", "Secret", "secrets", CORE),
    Row {
        short: &["sa"],
        subresources: &["token:create:authentication.k8s.io/v1/TokenRequest"],
        ..namespaced("", "v1", "ServiceAccount", "serviceaccounts", CORE)
    },
    Row {
        short: &["svc"],
        categories: ALL,
        subresources: &[STATUS],
        ..namespaced("", "v1", "Service", "services", CORE)
    },
    Row {
        short: &["ds"],
        categories: ALL,
        generation: true,
        subresources: &[STATUS],
        ..namespaced("apps", "v1", "DaemonSet", "daemonsets", APPS)
    },
    Row {
        short: &["deploy"],
        categories: ALL,
        generation: true,
        subresources: &[SCALE, STATUS],
        ..namespaced("apps", "v1", "Deployment", "deployments", APPS)
    },
    Row {
        short: &["rs"],
        categories: ALL,
        generation: true,
        subresources: &[SCALE, STATUS],
        ..namespaced("apps", "v1", "ReplicaSet", "replicasets", APPS)
    },
    Row {
        short: &["sts"],
        categories: ALL,
        generation: true,
        subresources: &[SCALE, STATUS],
        ..namespaced("apps", "v1", "StatefulSet", "statefulsets", APPS)
    },
    Row { short: &["ev"], ..namespaced("events.k8s.io", "v1", "Event", "events", "io.k8s.api.events.v1") },
    review("authentication.k8s.io", "SelfSubjectReview", "selfsubjectreviews", AUTHENTICATION),
    review("authentication.k8s.io", "TokenReview", "tokenreviews", AUTHENTICATION),
    Row {
        namespaced: true,
        ..review("authorization.k8s.io", "LocalSubjectAccessReview", "localsubjectaccessreviews", AUTHORIZATION)
    },
    review("authorization.k8s.io", "SelfSubjectAccessReview", "selfsubjectaccessreviews", AUTHORIZATION),
    review("authorization.k8s.io", "SelfSubjectRulesReview", "selfsubjectrulesreviews", AUTHORIZATION),
    review("authorization.k8s.io", "SubjectAccessReview", "subjectaccessreviews", AUTHORIZATION),
    Row {
        short: &["hpa"],
        categories: ALL,
        subresources: &[STATUS],
        ..namespaced(
            "autoscaling",
            "v2",
            "HorizontalPodAutoscaler",
            "horizontalpodautoscalers",
            "io.k8s.api.autoscaling.v2",
        )
    },
    Row {
        short: &["netpol"],
        generation: true,
        ..namespaced("networking.k8s.io", "v1", "NetworkPolicy", "networkpolicies", "io.k8s.api.networking.v1")
    },
    Row {
        short: &["pdb"],
        generation: true,
        subresources: &[STATUS],
        ..namespaced("policy", "v1", "PodDisruptionBudget", "poddisruptionbudgets", "io.k8s.api.policy.v1")
    },
    cluster(RBAC, "v1", "ClusterRole", "clusterroles", "io.k8s.api.rbac.v1"),
    cluster(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", "io.k8s.api.rbac.v1"),
    namespaced(RBAC, "v1", "Role", "roles", "io.k8s.api.rbac.v1"),
    namespaced(RBAC, "v1", "RoleBinding", "rolebindings", "io.k8s.api.rbac.v1"),
    Row {
        categories: EXTENSIONS,
        generation: true,
        ..cluster(
            "admissionregistration.k8s.io",
            "v1",
            "MutatingWebhookConfiguration",
            "mutatingwebhookconfigurations",
            ADMISSION,
        )
    },
    Row {
        categories: EXTENSIONS,
        generation: true,
        ..cluster(
            "admissionregistration.k8s.io",
            "v1",
            "ValidatingWebhookConfiguration",
            "validatingwebhookconfigurations",
            ADMISSION,
        )
    },
    Row {
        short: &["crd", "crds"],
        categories: EXTENSIONS,
        generation: true,
        subresources: &[STATUS],
        ..cluster(
            "apiextensions.k8s.io",
            "v1",
            "CustomResourceDefinition",
            "customresourcedefinitions",
            "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1",
        )
    },
    namespaced("coordination.k8s.io", "v1", "Lease", "leases", "io.k8s.api.coordination.v1"),
    Row {
        generation: true,
        ..namespaced("discovery.k8s.io", "v1", "EndpointSlice", "endpointslices", "io.k8s.api.discovery.v1")
    },
];

/// The built-in types, with their schemas.
pub(super) fn types(reader: &mut Reader<'_>) -> Vec<ResourceType> {
    ROWS.iter().map(|row| resource_type(row, reader)).collect()
}

fn resource_type(row: &Row, reader: &mut Reader<'_>) -> ResourceType {
    let owned = |words: &[&str]| -> Vec<String> { words.iter().map(|w| (*w).to_owned()).collect() };
    let verbs = match row.verbs {
        Verbs::All => owned(&["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]),
        Verbs::NoCollection => owned(&["create", "delete", "get", "list", "patch", "update", "watch"]),
        Verbs::Review => owned(&["create"]),
    };
    let component = format!("{}.{}", row.component, row.kind);
    ResourceType {
        group: row.group.into(),
        version: row.version.into(),
        versions: vec![row.version.into()],
        kind: row.kind.into(),
        plural: row.plural.into(),
        singular: row.kind.to_lowercase(),
        short_names: owned(row.short),
        categories: owned(row.categories),
        namespaced: row.namespaced,
        verbs,
        subresources: row.subresources.iter().map(|s| subresource(s, row.kind)).collect(),
        columns: Vec::new(),
        schema: reader.component(&component),
        custom: false,
        generation: row.generation,
        component,
    }
}

fn subresource(text: &str, kind: &str) -> Subresource {
    let mut parts = text.split(':');
    let mut next = || parts.next().unwrap_or_default();
    let (name, verbs, answers) = (next(), next(), next());
    let mut answers = answers.split('/');
    let (group, version, answered) =
        (answers.next().unwrap_or_default(), answers.next().unwrap_or_default(), answers.next().unwrap_or(kind));
    Subresource {
        name: name.to_owned(),
        group: group.to_owned(),
        version: version.to_owned(),
        kind: answered.to_owned(),
        verbs: verbs.split(',').map(str::to_owned).collect(),
    }
}
