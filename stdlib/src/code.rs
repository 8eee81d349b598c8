//! Failures that the library adds to the runtime's.

use meshbook_runtime::failure::{Code, Exit};

/// There is no such service.
pub static HOST_UNKNOWN: Code = Code {
    name: "meshbook::host::unknown",
    exit: Exit::Script,
    catchable: true,
    explain: "The namespace has no Service of this name. The hint names the nearest one that exists. A service of another namespace is written `name.namespace`.",
};

/// There is no such workload or pod.
pub static WORKLOAD_UNKNOWN: Code = Code {
    name: "meshbook::workload::unknown",
    exit: Exit::Script,
    catchable: true,
    explain: "The namespace has no Deployment, StatefulSet, DaemonSet or Pod of this name. The hint names the nearest one that exists.",
};

/// Nobody calls the host.
pub static NO_CALLERS: Code = Code {
    name: "meshbook::host::no_callers",
    exit: Exit::CannotTell,
    catchable: true,
    explain: "No proxy was found that sends requests to the service. Either nobody calls it, or its callers have no sidecar, run in ambient mode, or belong to another cluster: the message says which.",
};

/// A limit that no rule can have.
pub static LIMIT_RANGE: Code = Code {
    name: "meshbook::rule::limit_range",
    exit: Exit::Script,
    catchable: true,
    explain: "A limit of a connection pool is a whole number from 1 to 2147483647 (a 32-bit field of the DestinationRule API). Zero would mean no limit at all.",
};

/// A rule that holds for more hosts than the one in question.
pub static RULE_SHARED: Code = Code {
    name: "meshbook::rule::shared",
    exit: Exit::Refused,
    catchable: true,
    explain: "The DestinationRule's host is a wildcard: what is changed in it changes the way to other hosts too, also to servers outside the mesh that need what it says. Write a rule for the one host instead.",
};

/// No rule decides.
pub static NO_RULE: Code = Code {
    name: "meshbook::tls::no_rule",
    exit: Exit::Script,
    catchable: true,
    explain: "No DestinationRule sets the TLS mode of this pair, so there is none to change. Ask `is_curable()` first.",
};

/// A path that leads to no field, or that cannot be read.
pub static FIELD: Code = Code {
    name: "meshbook::object::field",
    exit: Exit::Script,
    catchable: true,
    explain: "A path is written `spec.subsets[v1].trafficPolicy`: keys with dots between them, `[name]` or `[0]` for an item of a list, `[\"a.b/c\"]` for a key that holds dots.",
};

/// An autoscaler owns the number of replicas.
pub static AUTOSCALED: Code = Code {
    name: "meshbook::workload::autoscaled",
    exit: Exit::Refused,
    catchable: true,
    explain: "A HorizontalPodAutoscaler sets the number of replicas and would undo the change within seconds. Change its `minReplicas` instead.",
};

/// Something would be chosen from nothing.
pub static EMPTY: Code = Code {
    name: "meshbook::selection::empty",
    exit: Exit::Script,
    catchable: true,
    explain: "A list from which something was to be taken is empty. Ask `is_empty()` first, and end the run with the reason.",
};

/// There is no such route, or none that could be meant.
pub static ROUTE: Code = Code {
    name: "meshbook::route::none",
    exit: Exit::Script,
    catchable: true,
    explain: "No route of the VirtualService that applies to the host has this name, or none takes every request, or there is no VirtualService at all: then Istio's defaults hold, and there is nothing to change. The hint names the routes that exist.",
};

/// Retries that do not fit into their route's timeout.
pub static RETRIES: Code = Code {
    name: "meshbook::route::retries",
    exit: Exit::Script,
    catchable: true,
    explain: "All attempts of a request together must fit into the route's timeout: `perTryTimeout` times one more than `attempts`. Otherwise the last attempts are cut or never begin, and a request takes the whole timeout. Set fewer attempts or a shorter `perTryTimeout`.",
};

/// More or fewer pods than there may be.
pub static REPLICAS: Code = Code {
    name: "meshbook::workload::replicas",
    exit: Exit::Refused,
    catchable: true,
    explain: "The number of pods is not allowed: a workload that is scaled keeps at least one, and an autoscaler sets at most its `maxReplicas`. Raise `maxReplicas` first where the service needs more; whether the cluster has room for them is a decision of its own.",
};

/// It is not plain what to change of the control plane.
pub static CONTROL_PLANE_AMBIGUOUS: Code = Code {
    name: "meshbook::control_plane::ambiguous",
    exit: Exit::Refused,
    catchable: true,
    explain: "More than one change would fit what was seen, so none is made: which one is right, the owner of the object knows. Ask `can_correct_selector()` or `can_admit_proxies()` first, and end the run with the finding.",
};

/// Another Telemetry decides.
pub static TELEMETRY: Code = Code {
    name: "meshbook::telemetry::decided",
    exit: Exit::Refused,
    catchable: true,
    explain: "A Telemetry that is there already decides about the access logs of these pods, or one would be made for more pods than were meant. Of two that select one pod istiod takes the older, so another one would change nothing. Change the one that is there, where it is written.",
};

/// The memory of sidecars cannot be changed so.
pub static MEMORY: Code = Code {
    name: "meshbook::memory::no_cure",
    exit: Exit::Refused,
    catchable: true,
    explain: "What takes the memory is not what this change would help against, or the change would not come about: a Sidecar resource applies already, the rollout is paused, the pod template sets the limit of its own istio-proxy container, or more than the allowed limit would be needed. Ask `is_curable()` first, and end the run with `advice(most)`.",
};

/// A port that the Service does not have.
pub static HOST_PORT: Code = Code {
    name: "meshbook::host::port",
    exit: Exit::Script,
    catchable: true,
    explain: "The Service has no port of this number. A port is the Service's own (`spec.ports[].port`), not the container's. The hint names those that it has.",
};

/// A filter for statistics that cannot be used.
pub static ENVOY_FILTER: Code = Code {
    name: "meshbook::envoy::filter",
    exit: Exit::Script,
    catchable: true,
    explain: "A filter for statistics is a regular expression (RE2) that is found anywhere in a name. It is not empty: a proxy has thousands of statistics. A `|` or `.` that is meant as it is, is written `[|]` or `[.]`.",
};

/// A part of the configuration that no Envoy has.
pub static ENVOY_RESOURCE: Code = Code {
    name: "meshbook::envoy::resource",
    exit: Exit::Script,
    catchable: true,
    explain: "The configuration of an Envoy is asked for by resource: `bootstrap`, `clusters`, `endpoints`, `listeners`, `routes` or `secrets`. All of it at once is megabytes of each proxy.",
};

/// A change of the pod template that would replace no pod.
pub static NO_ROLLOUT: Code = Code {
    name: "meshbook::workload::no_rollout",
    exit: Exit::Refused,
    catchable: true,
    explain: "A changed pod template replaces pods only where the workload's controller acts on it. A paused Deployment waits until somebody resumes it, and a StatefulSet or DaemonSet with the update strategy `OnDelete` until somebody deletes each pod.",
};

/// There is no such container.
pub static CONTAINER: Code = Code {
    name: "meshbook::workload::container",
    exit: Exit::Script,
    catchable: true,
    explain: "No pod in question has a container of this name. The hint names those that there are; the sidecar is `istio-proxy`, whether it is native or not.",
};

/// A workload's requests could not be made.
pub static REQUEST: Code = Code {
    name: "meshbook::request::pod",
    exit: Exit::CannotTell,
    catchable: true,
    explain: "The pod from which requests were to be made did not come so far: its image cannot be pulled, no node takes it, its sidecar is missing or does not start, somebody else deleted it, or the time was up. No request was made, and the pod is removed again. Most of these would keep new pods of the workload from starting too. An image of your own registry is named by `image` in the request, or by `curl_image` of the context in the configuration file.",
};

/// Rendered objects that cannot be applied.
pub static MANIFEST: Code = Code {
    name: "meshbook::manifest",
    exit: Exit::Script,
    catchable: true,
    explain: "What istioctl or Helm has rendered cannot be applied as it is: it is no YAML, holds no object or one twice, an object lacks its name or namespace, or it holds hooks, which only Helm runs. Nothing was changed. Render it again; the message names the object.",
};

/// A backup that is not as it was written.
pub static BACKUP_DAMAGED: Code = Code {
    name: "meshbook::backup::damaged",
    exit: Exit::Refused,
    catchable: true,
    explain: "The file is no whole backup: it is cut short, a part of it does not fit the hash that its manifest has of it, or it is of a version of the format that this meshbook does not know. Nothing of it is believed, and nothing was changed. Take another copy; what is in clear in it can be read by eye.",
};

/// A backup of another cluster.
pub static BACKUP_FOREIGN: Code = Code {
    name: "meshbook::backup::foreign",
    exit: Exit::Refused,
    catchable: true,
    explain: "The backup was taken of another cluster: the uid of its namespace kube-system is not that of this one. What was right there may cut off services here. If this cluster shall become like that one, because that one is lost, name that cluster by the identity that the message shows.",
};

/// A key of age that does not fit.
pub static BACKUP_KEY: Code = Code {
    name: "meshbook::backup::key",
    exit: Exit::Script,
    catchable: true,
    explain: "The secrets of the certificate authority are kept only encrypted with age. A recipient is a public key, `age1…`, as `age-keygen` prints it; to restore them, the file with the identity, `AGE-SECRET-KEY-1…`, lies in the folder of backups while it is needed, and is named by its file name. It is never shown, and stands in no record.",
};

/// Another object is about the same host.
pub static CONFIGURED_ELSEWHERE: Code = Code {
    name: "meshbook::host::configured_elsewhere",
    exit: Exit::Refused,
    catchable: true,
    explain: "A DestinationRule or VirtualService of another name in the namespace is about the same host. Of two VirtualServices in the mesh the older counts, two DestinationRules are merged in part: nobody could see which field holds. Change the one that is there, or give the object of the file its name.",
};

/// A route to a subset that no DestinationRule defines.
pub static SUBSET_UNKNOWN: Code = Code {
    name: "meshbook::host::subset_unknown",
    exit: Exit::Refused,
    catchable: true,
    explain: "A route names a subset of the host, and no DestinationRule about the host defines it. Envoy has no cluster for it, so it would answer each of these requests with 503 and the flag NC (IST0101). Define the subset first, with labels that its pods carry.",
};

/// No webhook would inject pods from the revision.
pub static NO_INJECTOR: Code = Code {
    name: "meshbook::revision::no_injector",
    exit: Exit::Refused,
    catchable: true,
    explain: "Which revision gives a new pod its sidecar, the webhooks decide by the labels of the namespace: `istio.io/rev` names a revision or a tag, `istio-injection=enabled` the default, and where both stand, the second counts. A pod's own `istio.io/rev` counts only in a namespace that has neither. Here no webhook would do what was asked, so nothing was changed.",
};

/// A revision that somebody still depends on.
pub static REVISION_IN_USE: Code = Code {
    name: "meshbook::revision::in_use",
    exit: Exit::Refused,
    catchable: true,
    explain: "Proxies that are connected to an istiod lose their configuration's source when it goes, and pods whose webhook calls it are refused. So a revision is removed only when no proxy, namespace or tag leads to it, and when it is not the default. The message says who still does.",
};
