//! An effect: everything that a runbook does to the outside world, as one value.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What an effect may do. It is fixed for each primitive when it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Class {
    /// Looks only. Allowed in scope and within a budget; retried; safe to prefetch.
    Read,
    /// Leaves no lasting trace, but is seen by the mesh: an access review, a request from a pod.
    Probe,
    /// Changes something that its recorded inverse takes back.
    Change,
    /// Changes something that cannot be taken back.
    Irreversible,
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Class::Read => "read",
            Class::Probe => "probe",
            Class::Change => "change",
            Class::Irreversible => "irreversible",
        })
    }
}

/// A kind of Kubernetes object, as discovery names it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ResourceKind {
    /// API group; empty for the core group.
    pub group: String,
    /// API version within the group, for example `v1`.
    pub version: String,
    /// Kind, for example `DestinationRule`.
    pub kind: String,
    /// Plural in lower case, as it stands in paths, for example `destinationrules`.
    pub plural: String,
    /// Whether its objects live in a namespace.
    pub namespaced: bool,
}

impl ResourceKind {
    /// A kind whose objects live in a namespace.
    pub fn namespaced(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        ResourceKind {
            group: group.into(),
            version: version.into(),
            kind: kind.into(),
            plural: plural.into(),
            namespaced: true,
        }
    }

    /// A kind whose objects belong to the cluster.
    pub fn cluster(group: &str, version: &str, kind: &str, plural: &str) -> Self {
        ResourceKind { namespaced: false, ..Self::namespaced(group, version, kind, plural) }
    }

    /// `apiVersion` as it stands in an object: `v1`, `networking.istio.io/v1`.
    pub fn api_version(&self) -> String {
        if self.group.is_empty() { self.version.clone() } else { format!("{}/{}", self.group, self.version) }
    }
}

/// One Kubernetes object, or one subresource of it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct ObjectRef {
    /// Its kind.
    pub kind: ResourceKind,
    /// Its namespace; `None` for objects of the cluster.
    pub namespace: Option<String>,
    /// Its name.
    pub name: String,
    /// `scale`, for example; `None` for the object itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subresource: Option<String>,
}

impl ObjectRef {
    /// An object in a namespace.
    pub fn new(kind: ResourceKind, namespace: &str, name: &str) -> Self {
        let namespace = kind.namespaced.then(|| namespace.to_owned());
        ObjectRef { kind, namespace, name: name.into(), subresource: None }
    }
}

impl ObjectRef {
    /// A file in the folder of backups, under the name by which messages, locks and approvals know it: `File NAME`.
    ///
    /// It is no object of Kubernetes: [`crate::transport::files`] answers for it.
    pub fn file(name: &str) -> Self {
        ObjectRef {
            kind: ResourceKind::cluster("", "", "File", "files"),
            namespace: None,
            name: name.into(),
            subresource: None,
        }
    }

    /// Whether it is a file of this machine.
    pub fn is_file(&self) -> bool {
        self.kind.kind == "File" && self.kind.version.is_empty()
    }
}

impl fmt::Display for ObjectRef {
    /// `DestinationRule summit/graph-core`, the form in which every message names an object.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.namespace {
            Some(namespace) => write!(f, "{} {namespace}/{}", self.kind.kind, self.name),
            None => write!(f, "{} {}", self.kind.kind, self.name),
        }
    }
}

/// A request to the port of a pod, by port-forward.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PodRequest {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The port inside the pod.
    pub port: u16,
    /// `GET` or `POST`.
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Body; empty for `GET`.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub body: String,
}

/// The levels of the loggers of a process in a pod, and the page of one of its ports that lists and sets them.
///
/// A `POST` of the page without a query lists all loggers, one `NAME: LEVEL` a line after a headline; with a query it
/// sets the levels that the query names, `PARAMETER=NAME:LEVEL,NAME:LEVEL`, and lists all. They live in the process: a
/// pod that is made anew, or a container that restarts, has those that it starts with.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct LogLevels {
    /// The pod's namespace.
    pub namespace: String,
    /// The pod's name.
    pub pod: String,
    /// The port inside the pod.
    pub port: u16,
    /// Path of the page, without a query.
    pub path: String,
    /// The query parameter that sets levels.
    pub parameter: String,
}

impl LogLevels {
    /// The name under which messages, locks and approvals know them: `LogLevel summit/front-1`.
    ///
    /// It is no object of Kubernetes: nothing that reads or patches objects is asked for it.
    pub fn object(&self) -> ObjectRef {
        ObjectRef::new(ResourceKind::namespaced("", "", "LogLevel", "loglevels"), &self.namespace, &self.pod)
    }
}

/// One logger and its level.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Logger {
    /// Its name.
    pub name: String,
    /// Its level, in the words of its process.
    pub level: String,
}

/// A program of this machine that turns values into objects, and does nothing else: it gets neither a kubeconfig nor the
/// environment of this process.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Rendering {
    /// Its name, by which the configuration file or `$PATH` knows it.
    pub tool: String,
    /// The version that it must have, as it says it itself.
    pub version: String,
    /// The arguments with which it says its version.
    pub version_arguments: Vec<String>,
    /// The arguments with which it writes objects (YAML) to its standard output.
    pub arguments: Vec<String>,
    /// What it gets on its standard input.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub input: String,
}

/// What a transport is asked to do. The closed set of everything that leaves the process.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "call", rename_all = "snake_case")]
pub enum Call {
    /// `GET /version`.
    Version,
    /// The kinds that the API server serves for a name such as `destinationrule`, `dr` or `DestinationRule`.
    /// Answer: [`Reply::Json`] with a [`ResourceKind`].
    ResolveKind {
        /// Kind, plural, singular or short name, in any case; `plural.group` narrows it.
        name: String,
    },
    /// The kinds of objects that the API server serves in these groups, each in the version that it prefers; in all groups
    /// where none is named.
    /// Answer: [`Reply::Json`] with an array of [`ResourceKind`], in the server's order.
    ServedKinds {
        /// The groups.
        groups: Vec<String>,
    },
    /// Reads a file in one of the folders of files. Answer: [`Reply::Text`]; the record keeps its hash instead.
    ReadFile {
        /// In which.
        #[serde(default)]
        folder: FileFolder,
        /// Its name.
        name: String,
    },
    /// Lets a program of this machine render objects. Answer: [`Reply::Json`] with an array of them; the record keeps their
    /// hash instead.
    Render(Rendering),
    /// Reads one object.
    Get {
        /// Which.
        object: ObjectRef,
    },
    /// Lists objects, all pages of them. Answer: [`Reply::Json`] with an array of objects, without their
    /// `metadata.managedFields`.
    List {
        /// Of what kind.
        kind: ResourceKind,
        /// In which namespace; `None` is all of them.
        namespace: Option<String>,
        /// Label selector.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        labels: Option<String>,
        /// Field selector.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fields: Option<String>,
    },
    /// Reads the log of a container. Answer: [`Reply::Text`].
    Logs {
        /// The pod's namespace.
        namespace: String,
        /// The pod.
        pod: String,
        /// The container.
        container: String,
        /// Lines not older than this many seconds; `None` is all that is kept.
        since_seconds: Option<u64>,
        /// At most so many bytes; the kubelet cuts the end.
        limit_bytes: u64,
        /// At most so many lines, the newest.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tail_lines: Option<u64>,
        /// Each line begins with its time (RFC 3339).
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        timestamps: bool,
        /// Of the container's run before its last restart.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        previous: bool,
    },
    /// May we do this? (`SelfSubjectAccessReview`.) Answer: [`Reply::Json`] with a bool.
    AccessReview {
        /// `get`, `patch`, ….
        verb: String,
        /// API group.
        group: String,
        /// Plural, with `/subresource` where there is one.
        resource: String,
        /// Namespace; `None` is cluster-wide.
        namespace: Option<String>,
        /// Object; `None` is any.
        name: Option<String>,
    },
    /// A merge patch (RFC 7396) that carries `metadata.resourceVersion` as its precondition.
    /// Only the recorder's caller makes it. Answer: [`Reply::Json`] with the object after it.
    Patch {
        /// Which object.
        object: ObjectRef,
        /// The patch.
        patch: Value,
        /// Only try it (`dryRun=All`).
        dry_run: bool,
    },
    /// A server-side apply of a configuration that carries `metadata.resourceVersion` as its precondition.
    /// Only the recorder's caller makes it. Answer: [`Reply::Json`] with the object after it.
    Apply {
        /// Which object.
        object: ObjectRef,
        /// What our field manager wants of it, whole.
        configuration: Value,
        /// Takes fields from other managers. Only ever from our own earlier updates.
        force: bool,
        /// Only try it (`dryRun=All`).
        dry_run: bool,
    },
    /// Creates an object; refused if there is one of its name. Only the recorder's caller makes it.
    /// Answer: [`Reply::Json`] with the object after it.
    Create {
        /// Which object.
        object: ObjectRef,
        /// The object.
        content: Value,
        /// Only try it (`dryRun=All`).
        dry_run: bool,
    },
    /// Deletes an object, if it still is this one (`metav1.Preconditions`). Only the recorder's caller makes it. Answer: [`Reply::Done`].
    Delete {
        /// Which object.
        object: ObjectRef,
        /// Its `metadata.uid`.
        uid: String,
        /// Its `metadata.resourceVersion`; `None` for an object that the cluster itself goes on writing to.
        resource_version: Option<String>,
        /// Only try it (`dryRun=All`).
        dry_run: bool,
    },
    /// Whether the API server would take a new object: its creation with `dryRun=All`, which stores nothing but passes
    /// admission, webhooks included. Answer: [`Reply::Json`], the object as admission made it.
    TryCreate {
        /// Of what kind.
        kind: ResourceKind,
        /// In which namespace; `None` for objects of the cluster.
        namespace: Option<String>,
        /// The object.
        object: Value,
    },
    /// Whether the API server would take a merge patch (RFC 7396) of an object: with `dryRun=All`, which stores nothing but
    /// passes validation and admission. Answer: [`Reply::Json`] with the object as it would be.
    TryPatch {
        /// Which object.
        object: ObjectRef,
        /// The patch.
        patch: Value,
    },
    /// A command in a container of a running pod, without a shell, a terminal or input (`pods/exec`). Only in a run that
    /// allows it. Answer: [`Reply::Json`] with `code`, `stdout` and `stderr`.
    Exec {
        /// The pod.
        pod: ObjectRef,
        /// The container.
        container: String,
        /// Program and arguments.
        command: Vec<String>,
        /// How long it may take.
        within: Duration,
    },
    /// A request to a pod's port. Answer: [`Reply::Http`].
    Pod(PodRequest),
    /// The levels of a process's loggers. Answer: [`Reply::Json`] with `metadata` of the pod and `loggers`, a list of
    /// [`Logger`] in the order of the page.
    LogLevels(LogLevels),
    /// Sets levels. There is no precondition that the process would check, and setting twice comes to the same.
    /// Only the recorder's caller makes it. Answer: as of [`Call::LogLevels`], after it.
    SetLogLevels {
        /// Of which process.
        of: LogLevels,
        /// The loggers that change.
        loggers: Vec<Logger>,
    },
    /// An instant query to Prometheus (`/api/v1/query`). Answer: [`Reply::Json`] with `data`.
    Query {
        /// PromQL.
        query: String,
        /// At this time; `None` is now.
        at: Option<Timestamp>,
    },
    /// A range query to Prometheus (`/api/v1/query_range`). Answer: [`Reply::Json`] with `data`.
    QueryRange {
        /// PromQL.
        query: String,
        /// From.
        start: Timestamp,
        /// To.
        end: Timestamp,
        /// Resolution.
        step: Duration,
    },
    /// A page of Prometheus' API that is no query. Answer: [`Reply::Json`] with its `data`.
    PrometheusPage {
        /// Below `/api/v1/`: `rules`, `alerts`, `targets`.
        page: String,
        /// Of the query string, not yet encoded.
        parameters: Vec<(String, String)>,
    },
    /// A page of Jaeger's query API. Answer: [`Reply::Json`] with its `data`.
    JaegerPage {
        /// Below `/api/`: `services`, `traces`.
        page: String,
        /// Of the query string, not yet encoded.
        parameters: Vec<(String, String)>,
    },
    /// A page of a dashboard that the configuration file names, to see whether it is well. Answer: [`Reply::Http`];
    /// `NOT_FOUND` if it names none.
    DashboardPage {
        /// Which.
        of: Dashboard,
        /// Below its address.
        path: String,
    },
    /// The addresses of a name, as this machine's own resolver answers. Answer: [`Reply::Json`] with a sorted array of IP
    /// addresses as text; `NOT_FOUND` if the name has none.
    Lookup {
        /// A DNS name, or an address.
        name: String,
    },
    /// Whether a person has done something by hand. The run asks, and a replay answers; no connection is asked for it.
    /// Answer: [`Reply::Json`] with a bool.
    Confirm {
        /// What.
        what: String,
    },
    /// Tells people. Nobody can take it back, and where an answer is lost it is sent again: at least once. Never in a plan.
    /// Answer: [`Reply::Done`], or [`Reply::Text`] with the reason why nobody is told here.
    Notify(Notice),
    /// What time is it? Answer: [`Reply::Time`].
    Now,
    /// Lets time pass.
    Sleep {
        /// This long.
        duration: Duration,
    },
}

/// A folder of files below meshbook's home.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum FileFolder {
    /// What meshbook has written, and reads again: backups.
    #[default]
    Backups,
    /// What people have put there for meshbook to read: objects that another tool has rendered.
    Manifests,
}

/// What people are told, and where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Notice {
    /// Where.
    pub channel: Channel,
    /// The document that is sent, without what identifies the account.
    pub message: Value,
}

/// Where people are told something. The configuration file says with which account.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Channel {
    /// PagerDuty's Events API v2. The document is an event without its `routing_key`.
    PagerDuty,
    /// An incoming webhook that takes what Slack's takes: a document with `text`.
    Slack,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Channel::PagerDuty => "PagerDuty",
            Channel::Slack => "Slack",
        })
    }
}

/// What people open in a browser, and meshbook asks only whether it is well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Dashboard {
    /// Grafana.
    Grafana,
    /// Kiali.
    Kiali,
}

/// What a transport answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "reply", content = "value", rename_all = "snake_case")]
pub enum Reply {
    /// A document.
    Json(Value),
    /// Text.
    Text(String),
    /// An HTTP answer of a pod, whatever its status.
    Http {
        /// HTTP status.
        status: u16,
        /// The body as text; invalid UTF-8 is replaced.
        body: String,
    },
    /// A time.
    Time(Timestamp),
    /// Done; there is nothing to say.
    Done,
}

/// One thing that a runbook does to the outside world.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// What it may do.
    pub class: Class,
    /// What it acts upon, in a person's words: `DestinationRule summit/graph-core`, `Pod summit/front-1`, `Prometheus`.
    pub target: String,
    /// One line for people: `read`, `list by app=front`, `config dump of outbound|8080||graph-core…`.
    pub summary: String,
    /// What the transport is asked to do.
    pub call: Call,
}

impl Effect {
    /// An effect of class `read`.
    pub fn read(target: impl fmt::Display, summary: impl Into<String>, call: Call) -> Self {
        Effect { class: Class::Read, target: target.to_string(), summary: summary.into(), call }
    }

    /// Reads one object.
    pub fn get(object: ObjectRef) -> Self {
        Effect::read(&object, "read", Call::Get { object: object.clone() })
    }

    /// Reads a file in the folder of backups.
    pub fn read_file(name: &str) -> Self {
        Effect::read(ObjectRef::file(name), "read", Call::ReadFile { folder: FileFolder::Backups, name: name.into() })
    }

    /// Reads a file in the folder of rendered objects.
    pub fn read_manifest(name: &str) -> Self {
        let call = Call::ReadFile { folder: FileFolder::Manifests, name: name.into() };
        Effect::read(format!("Manifest {name}"), "read", call)
    }

    /// Lets a program of this machine render objects.
    pub fn render(rendering: Rendering, summary: impl Into<String>) -> Self {
        Effect::read(rendering.tool.clone(), summary, Call::Render(rendering))
    }

    /// Fetches a page (`GET`) from a port of a pod.
    pub fn page(namespace: &str, pod: &str, port: u16, summary: impl Into<String>, path: &str) -> Self {
        let request = PodRequest {
            namespace: namespace.into(),
            pod: pod.into(),
            port,
            method: "GET".into(),
            path: path.into(),
            body: String::new(),
        };
        Effect::read(format!("Pod {namespace}/{pod}"), summary, Call::Pod(request))
    }

    /// Reads the levels of a process's loggers.
    pub fn log_levels(of: LogLevels) -> Self {
        Effect::read(format!("Pod {}/{}", of.namespace, of.pod), "log levels", Call::LogLevels(of))
    }

    /// Lists objects of a kind.
    pub fn list(kind: ResourceKind, namespace: Option<&str>, labels: Option<&str>) -> Self {
        let place = namespace.map_or("all namespaces".to_owned(), |n| format!("namespace {n}"));
        let target = format!("{} in {place}", kind.plural);
        let summary = labels.map_or("list".to_owned(), |labels| format!("list by {labels}"));
        Effect::read(
            target,
            summary,
            Call::List { kind, namespace: namespace.map(Into::into), labels: labels.map(Into::into), fields: None },
        )
    }
}
