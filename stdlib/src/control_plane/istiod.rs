//! One istiod: what its Pod object and its own pages say.

use jiff::Timestamp;
use serde_json::Value;

use super::selector::Labels;
use super::syncz::Synced;
use crate::proxy::pod::strings;

/// The port of version, metrics and debug pages, unless an annotation says otherwise.
const MONITORING: u16 = 15014;

/// One istiod.
#[derive(Clone, Debug, Default)]
pub struct Istiod {
    /// Its pod.
    pub pod: String,
    /// Its namespace.
    pub namespace: String,
    /// Its revision.
    pub revision: String,
    /// Labels of its pod.
    pub labels: Labels,
    /// The port of its pages.
    pub port: u16,
    /// Whether it is ready.
    pub ready: bool,
    /// Whether its pod runs, so that its ports can be asked.
    pub running: bool,
    /// How often its container was restarted.
    pub restarts: u64,
    /// Why it waits, as the kubelet says: `CrashLoopBackOff`, `ImagePullBackOff`; `Pending` if it has no node.
    pub waiting: Option<String>,
    /// How it last ended: reason and exit code, `OOMKilled, exit code 137`.
    pub ended: Option<String>,
    /// What its pages say; why they could not be read.
    pub says: Option<Result<Says, String>>,
    /// The last lines of its log, where it crashes.
    pub last_words: Vec<String>,
    /// Why it is taken for stale: an object that it does not have as another istiod has it.
    pub stale: Option<String>,
}

/// What an istiod says of itself.
#[derive(Clone, Debug, Default)]
pub struct Says {
    /// Its version.
    pub version: String,
    /// Its proxies.
    pub proxies: Vec<Synced>,
    /// Pushes since it started, all types together; `None` if not exported.
    pub pushes: Option<f64>,
    /// Configurations that proxies rejected; `None` if none was ever, or not exported.
    pub rejects: Option<f64>,
    /// The mean time from a change to its arrival, in seconds.
    pub convergence: Option<f64>,
    /// When its root certificate expires, in seconds since 1970.
    pub root_expires: Option<f64>,
}

impl Istiod {
    /// Reads a Pod.
    pub fn of(pod: &Value) -> Self {
        let text = |pointer: &str| pod.pointer(pointer).and_then(Value::as_str).unwrap_or_default().to_owned();
        let labels = strings(pod.pointer("/metadata/labels"));
        let container = pod.pointer("/status/containerStatuses/0");
        let of = |pointer: &str| container.and_then(|container| container.pointer(pointer));
        let reason = |pointer: &str| of(pointer).and_then(Value::as_str).map(str::to_owned);
        let ended = reason("/lastState/terminated/reason").map(|reason| {
            let code = of("/lastState/terminated/exitCode").and_then(Value::as_i64).unwrap_or_default();
            format!("{reason}, exit code {code}")
        });
        let phase = text("/status/phase");
        let waiting = reason("/state/waiting/reason").or_else(|| (phase == "Pending").then(|| phase.clone()));
        let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
        let mut conditions = conditions.filter(|one| one["type"] == "Ready");
        let annotated = pod.pointer("/metadata/annotations").and_then(|all| all.get("prometheus.io/port"));
        Istiod {
            pod: text("/metadata/name"),
            namespace: text("/metadata/namespace"),
            revision: labels.get("istio.io/rev").cloned().unwrap_or_else(|| "default".into()),
            labels,
            port: annotated.and_then(Value::as_str).and_then(|port| port.parse().ok()).unwrap_or(MONITORING),
            ready: conditions.any(|one| one["status"] == "True")
                && pod.pointer("/metadata/deletionTimestamp").is_none(),
            running: phase == "Running" && of("/state/running").is_some(),
            restarts: of("/restartCount").and_then(Value::as_u64).unwrap_or(0),
            waiting,
            ended,
            ..Istiod::default()
        }
    }

    /// Whether its container ends after each start.
    pub fn crashes(&self) -> bool {
        self.waiting.as_deref() == Some("CrashLoopBackOff")
    }

    /// What it says, if it answers.
    pub fn answer(&self) -> Option<&Says> {
        self.says.as_ref()?.as_ref().ok()
    }

    /// When the newest of its pushes began.
    pub fn pushed(&self) -> Option<Timestamp> {
        self.answer()?.proxies.iter().filter_map(|proxy| proxy.pushed).max()
    }

    /// Its state in a word or two.
    pub fn state(&self) -> String {
        match (&self.waiting, self.ready) {
            (Some(waiting), _) => waiting.clone(),
            (None, true) => "ready".into(),
            (None, false) => "not ready".into(),
        }
    }
}

/// The version in `/version`: a text such as `1.31.0-REVISION-Clean`, or JSON with `version`.
pub fn version(page: &str) -> String {
    let json = serde_json::from_str::<Value>(page).ok();
    let named = json.as_ref().and_then(|json| {
        json.get("version").or_else(|| json.pointer("/clientVersion/version")).and_then(Value::as_str)
    });
    let bare = json.as_ref().and_then(Value::as_str);
    let text = named.or(bare).unwrap_or_else(|| page.trim());
    let mut parts = text.split('-').peekable();
    let number = parts.next().unwrap_or_default();
    // `1.31.0-rc.0` and `1.32-alpha.abc` are versions; `-COMMIT-Clean` is where it was built.
    match parts.next() {
        Some(pre) if ["rc", "alpha", "beta", "dev"].iter().any(|word| pre.starts_with(word)) => {
            format!("{number}-{pre}")
        }
        _ => number.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_container_that_crashes() {
        let pod = json!({ "metadata": { "name": "istiod-1", "namespace": "istio-system", "labels": { "app": "istiod" } }, "status": {
            "phase": "Running", "conditions": [{ "type": "Ready", "status": "False" }],
            "containerStatuses": [{ "restartCount": 7, "state": { "waiting": { "reason": "CrashLoopBackOff" } }, "lastState": { "terminated": { "reason": "OOMKilled", "exitCode": 137 } } }] } });
        let istiod = Istiod::of(&pod);
        assert!(istiod.crashes() && !istiod.ready && !istiod.running);
        assert_eq!((istiod.restarts, istiod.ended.as_deref()), (7, Some("OOMKilled, exit code 137")));
        assert_eq!((istiod.revision.as_str(), istiod.port), ("default", 15014));
    }

    #[test]
    fn a_pod_that_is_well_or_has_no_status() {
        let pod = json!({ "metadata": { "name": "a", "labels": { "istio.io/rev": "1-30" }, "annotations": { "prometheus.io/port": "8080" } }, "status": {
            "phase": "Running", "conditions": [{ "type": "Ready", "status": "True" }], "containerStatuses": [{ "state": { "running": {} } }] } });
        let istiod = Istiod::of(&pod);
        assert!(istiod.ready && istiod.running && !istiod.crashes());
        assert_eq!((istiod.revision.as_str(), istiod.port), ("1-30", 8080));
        assert_eq!(Istiod::of(&json!({ "status": { "phase": "Pending" } })).waiting.as_deref(), Some("Pending"));
        let _ = Istiod::of(&json!(null));
    }

    #[test]
    fn versions_as_istiod_writes_them() {
        assert_eq!(version("1.31.0-unknown-Clean"), "1.31.0");
        assert_eq!(version("1.31.0-rc.0-abc-Clean"), "1.31.0-rc.0");
        assert_eq!(version("{\"version\":\"1.29.4\",\"revision\":\"x\"}"), "1.29.4");
        assert_eq!(version("\"1.30.1\"\n"), "1.30.1");
    }
}
