//! What a world file says about its control plane: further revisions, and what is wrong with istiod.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::span::Span;

/// A further revision of istiod beside `default`, as `istioctl install --revision` makes it.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revision {
    /// Its name, for example `1-30`; its Service is `istiod-1-30`.
    pub name: String,
    /// Its version of Istio.
    pub istio: String,
    /// Number of istiod pods.
    #[serde(default = "one")]
    pub istiods: usize,
}

fn one() -> usize {
    1
}

/// What is wrong with the control plane besides what `objects` bring about.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ControlPlaneFaults {
    /// Faults of single istiods.
    pub istiod: Vec<IstiodFault>,
    /// The API server answers slowly, as its own metrics and istiod's log say.
    pub slow_api: Option<SlowApi>,
    /// What somebody changed while the mesh was running, before the lab opened.
    pub earlier: Vec<Earlier>,
}

/// A fault of istiod's pods.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IstiodFault {
    /// The revision; `default` if absent.
    #[serde(default = "default_revision")]
    pub revision: String,
    /// Which of its pods, in the order of their names; all of them if absent.
    #[serde(default)]
    pub pod: Option<usize>,
    /// What is wrong.
    pub kind: IstiodFaultKind,
    /// How long before the lab opened it began.
    #[serde(default)]
    pub ago: Span,
    /// For `crash-loop`: why the container ended, as the kubelet says: `Error`, `OOMKilled`.
    #[serde(default = "error")]
    pub reason: String,
    /// For `crash-loop`: its exit code.
    #[serde(default = "exit_code")]
    pub exit_code: i32,
    /// For `crash-loop`: how often it was restarted.
    #[serde(default = "restarts")]
    pub restarts: u32,
    /// For `crash-loop`: the last lines of its log, each without its time.
    #[serde(default)]
    pub log: Vec<String>,
}

fn default_revision() -> String {
    "default".into()
}
fn error() -> String {
    "Error".into()
}
fn exit_code() -> i32 {
    255
}
fn restarts() -> u32 {
    7
}

/// What can be wrong with an istiod.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum IstiodFaultKind {
    /// Its container ends soon after each start.
    CrashLoop,
    /// It runs and answers, but learns nothing of changed objects: its proxies keep what they have.
    Stale,
}

/// A slow API server.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlowApi {
    /// How long before the lab opened it began.
    #[serde(default)]
    pub ago: Span,
    /// What a request takes, and how much later istiod learns of a changed object.
    pub latency: Span,
}

/// A change before the lab opened.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Earlier {
    /// How long before the lab opened.
    pub ago: Span,
    /// The object, or the part of it that changed: merged (RFC 7396) into the one that is there.
    #[serde(default)]
    pub object: Value,
    /// Whether the object was deleted.
    #[serde(default)]
    pub deleted: bool,
    /// In whose name it was changed.
    #[serde(default = "helm")]
    pub manager: String,
}

fn helm() -> String {
    "helm".into()
}
