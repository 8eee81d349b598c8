//! Worlds: one readable file each, with a cluster, workloads, traffic, a fault and its cure.

use std::fmt;

use serde_json::Value;

pub mod causes;
pub mod control_plane;
mod document;
pub mod gateway;
pub mod gitops;
pub(crate) mod installation;
pub mod memory;
pub(crate) mod objects;
pub mod rendering;
pub mod span;
pub mod spec;

pub use spec::Spec;

/// The worlds that come with the lab: name and file.
const EMBEDDED: &[(&str, &str)] = &[
    ("healthy", include_str!("../../worlds/healthy.toml")),
    ("breaker", include_str!("../../worlds/breaker.toml")),
    ("breaker-inbound", include_str!("../../worlds/breaker-inbound.toml")),
    ("breaker-default-stats", include_str!("../../worlds/breaker-default-stats.toml")),
    ("overload", include_str!("../../worlds/overload.toml")),
    ("no-healthy-upstream", include_str!("../../worlds/no-healthy-upstream.toml")),
    ("route-to-nowhere", include_str!("../../worlds/route-to-nowhere.toml")),
    ("latency-slow-dependency", include_str!("../../worlds/latency-slow-dependency.toml")),
    ("latency-retry-storm", include_str!("../../worlds/latency-retry-storm.toml")),
    ("latency-exhausted-pool", include_str!("../../worlds/latency-exhausted-pool.toml")),
    ("latency-cpu-limit", include_str!("../../worlds/latency-cpu-limit.toml")),
    ("latency-ejected-hosts", include_str!("../../worlds/latency-ejected-hosts.toml")),
    ("latency-timeout-chain", include_str!("../../worlds/latency-timeout-chain.toml")),
    ("latency-too-few-replicas", include_str!("../../worlds/latency-too-few-replicas.toml")),
    ("latency-hpa", include_str!("../../worlds/latency-hpa.toml")),
    ("control-plane-crash-loop", include_str!("../../worlds/control-plane-crash-loop.toml")),
    ("control-plane-network-policy", include_str!("../../worlds/control-plane-network-policy.toml")),
    ("control-plane-wrong-selector", include_str!("../../worlds/control-plane-wrong-selector.toml")),
    ("control-plane-slow-api", include_str!("../../worlds/control-plane-slow-api.toml")),
    (
        "control-plane-webhook-without-endpoints",
        include_str!("../../worlds/control-plane-webhook-without-endpoints.toml"),
    ),
    ("control-plane-stale-istiod", include_str!("../../worlds/control-plane-stale-istiod.toml")),
    ("mtls-plaintext-caller", include_str!("../../worlds/mtls-plaintext-caller.toml")),
    ("mtls-disabled-by-rule", include_str!("../../worlds/mtls-disabled-by-rule.toml")),
    ("mtls-simple-by-rule", include_str!("../../worlds/mtls-simple-by-rule.toml")),
    ("mtls-expired-certificate", include_str!("../../worlds/mtls-expired-certificate.toml")),
    ("mtls-two-roots", include_str!("../../worlds/mtls-two-roots.toml")),
    ("mtls-missing-sidecar", include_str!("../../worlds/mtls-missing-sidecar.toml")),
    // Memory of sidecars.
    ("memory-configuration-size", include_str!("../../worlds/memory-configuration-size.toml")),
    ("memory-leak", include_str!("../../worlds/memory-leak.toml")),
    ("memory-low-limit", include_str!("../../worlds/memory-low-limit.toml")),
    ("memory-limit-in-vain", include_str!("../../worlds/memory-limit-in-vain.toml")),
    // Who writes back.
    ("breaker-gitops", include_str!("../../worlds/breaker-gitops.toml")),
    // Monitoring.
    ("alerts", include_str!("../../worlds/alerts.toml")),
    ("traces", include_str!("../../worlds/traces.toml")),
    // What comes in by a gateway, and what a Sidecar leaves out.
    ("gateway-breaker", include_str!("../../worlds/gateway-breaker.toml")),
    ("gateway-retry-storm", include_str!("../../worlds/gateway-retry-storm.toml")),
    ("gateway-route-to-nowhere", include_str!("../../worlds/gateway-route-to-nowhere.toml")),
    ("gateway-api-breaker", include_str!("../../worlds/gateway-api-breaker.toml")),
    ("sidecar-leaves-out", include_str!("../../worlds/sidecar-leaves-out.toml")),
    // Disaster recovery and day 2.
    ("configuration-lost", include_str!("../../worlds/configuration-lost.toml")),
    ("cluster-lost", include_str!("../../worlds/cluster-lost.toml")),
    ("failover-primary", include_str!("../../worlds/failover-primary.toml")),
    ("failover-secondary", include_str!("../../worlds/failover-secondary.toml")),
    ("certificate-ending", include_str!("../../worlds/certificate-ending.toml")),
    ("gateway-hpa", include_str!("../../worlds/gateway-hpa.toml")),
    ("new-service", include_str!("../../worlds/new-service.toml")),
    ("injection-label-missing", include_str!("../../worlds/injection-label-missing.toml")),
    // Installation.
    ("installation-webhook-gone", include_str!("../../worlds/installation-webhook-gone.toml")),
    ("installation-no-gateway", include_str!("../../worlds/installation-no-gateway.toml")),
    ("installation-no-load-balancer", include_str!("../../worlds/installation-no-load-balancer.toml")),
    ("installation-observability", include_str!("../../worlds/installation-observability.toml")),
    ("installation-no-namespace", include_str!("../../worlds/installation-no-namespace.toml")),
    ("installation-no-spans", include_str!("../../worlds/installation-no-spans.toml")),
    ("installation-collector-unwell", include_str!("../../worlds/installation-collector-unwell.toml")),
    // Upgrades.
    ("upgrade-canary", include_str!("../../worlds/upgrade-canary.toml")),
    ("upgrade-half-done", include_str!("../../worlds/upgrade-half-done.toml")),
    ("upgrade-moved", include_str!("../../worlds/upgrade-moved.toml")),
    ("upgrade-dangling-tag", include_str!("../../worlds/upgrade-dangling-tag.toml")),
    ("upgrade-two-labels", include_str!("../../worlds/upgrade-two-labels.toml")),
    ("upgrade-worse-on-canary", include_str!("../../worlds/upgrade-worse-on-canary.toml")),
    ("upgrade-never-ready", include_str!("../../worlds/upgrade-never-ready.toml")),
    // Installation.
    ("install-empty", include_str!("../../worlds/install-empty.toml")),
    ("install-half-done", include_str!("../../worlds/install-half-done.toml")),
    ("install-old-kubernetes", include_str!("../../worlds/install-old-kubernetes.toml")),
];

/// What is wrong with a world's name, file or variation.
#[derive(Debug, thiserror::Error)]
pub enum WorldError {
    /// No embedded world has this name.
    #[error("there is no world \"{name}\"{}; the worlds are: {}", nearest_hint(.nearest), .names.join(", "))]
    Unknown {
        /// The name that was asked for.
        name: String,
        /// The embedded name that is most like it.
        nearest: Option<String>,
        /// All embedded names.
        names: Vec<String>,
    },
    /// The file is not TOML.
    #[error("the world file is not TOML: {0}")]
    Toml(String),
    /// An object among `objects` is not YAML, or has no kind or name.
    #[error("objects of the world: {0}")]
    Objects(String),
    /// A field has a wrong name, type or value.
    #[error("the world file says something the lab does not understand: {0}")]
    Field(String),
    /// A path given to [`World::set`] leads nowhere.
    #[error("the world \"{world}\" has nothing at \"{path}\": {reason}")]
    Path {
        /// The world's name.
        world: String,
        /// The path as it was given.
        path: String,
        /// Which part of it is missing, and what exists there.
        reason: String,
    },
}

fn nearest_hint(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!(" (did you mean \"{name}\"?)")).unwrap_or_default()
}

/// A world's name and its one-line summary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// The name that [`World::named`] takes.
    pub name: String,
    /// What is wrong in it.
    pub summary: String,
}

/// A world, ready to be started by [`crate::Lab::start`], or varied first.
#[derive(Clone)]
pub struct World {
    name: String,
    document: Value,
    spec: Spec,
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("World").field("name", &self.name).field("summary", &self.spec.summary).finish()
    }
}

impl World {
    /// One of the embedded worlds.
    ///
    /// # Errors
    /// [`WorldError::Unknown`] with the nearest name.
    pub fn named(name: &str) -> Result<World, WorldError> {
        let Some((name, text)) = EMBEDDED.iter().find(|(known, _)| *known == name) else {
            return Err(unknown(name));
        };
        let mut world = World::parse(text)?;
        world.name = (*name).to_owned();
        Ok(world)
    }

    /// The embedded worlds, in the order of the manual.
    pub fn names() -> Vec<Summary> {
        EMBEDDED
            .iter()
            .map(|(name, _)| Summary {
                name: (*name).to_owned(),
                summary: World::named(name).map(|world| world.spec.summary).unwrap_or_default(),
            })
            .collect()
    }

    /// Reads a world file (TOML; `objects` holds YAML documents). Its name is `custom` until [`World::with_name`].
    ///
    /// # Errors
    /// What is not TOML, not YAML, unknown, or of the wrong type.
    pub fn parse(text: &str) -> Result<World, WorldError> {
        let document = document::read(text)?;
        World::from_document("custom", document)
    }

    /// The same world under another name; the kubeconfig's context is `lab-NAME`.
    #[must_use]
    pub fn with_name(mut self, name: &str) -> World {
        self.name = name.to_owned();
        self
    }

    /// The world's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What the file says, as types.
    pub fn spec(&self) -> &Spec {
        &self.spec
    }

    /// A variation: the value at `path` is replaced, or added where its parent exists.
    ///
    /// Parts are separated by dots; a part with dots is quoted. Members of a list are addressed by index, or by
    /// name: `workload.front.replicas`, `objects.DestinationRule/graph-core.spec.subsets.v2.trafficPolicy`,
    /// `objects.DestinationRule/graph-core.metadata.labels."argocd.argoproj.io/instance"`. The index after the last
    /// appends.
    ///
    /// # Errors
    /// A path that leads nowhere, or a value that the field does not take.
    pub fn set(self, path: &str, value: impl Into<Value>) -> Result<World, WorldError> {
        let mut document = self.document;
        document::set(&mut document, path, value.into()).map_err(|reason| WorldError::Path {
            world: self.name.clone(),
            path: path.to_owned(),
            reason,
        })?;
        World::from_document(&self.name, document)
    }

    /// A variation without one source of evidence: `prometheus`, `access_logs`, `istio_metrics` or `envoy_stats`.
    ///
    /// # Errors
    /// Any other name.
    pub fn without(self, what: &str) -> Result<World, WorldError> {
        match what {
            "prometheus" => self.set("telemetry.prometheus", false),
            "access_logs" => self.set("telemetry.access_log", false),
            "istio_metrics" => self.set("telemetry.istio_metrics", false),
            "envoy_stats" => {
                let workloads = self.spec.workload.len();
                let none = || Value::Array(Vec::new());
                let mut world = self.set("telemetry.proxy_stats", none())?;
                for index in 0..workloads {
                    world = world.set(&format!("workload.{index}.proxy_stats"), none())?;
                }
                Ok(world)
            }
            _ => Err(WorldError::Path {
                world: self.name,
                path: what.to_owned(),
                reason: "without() takes prometheus, access_logs, istio_metrics or envoy_stats".into(),
            }),
        }
    }

    fn from_document(name: &str, document: Value) -> Result<World, WorldError> {
        let spec: Spec = serde_json::from_value(document.clone()).map_err(|e| WorldError::Field(e.to_string()))?;
        document::check(&spec)?;
        Ok(World { name: name.to_owned(), document, spec })
    }
}

fn unknown(name: &str) -> WorldError {
    let names: Vec<String> = EMBEDDED.iter().map(|(known, _)| (*known).to_owned()).collect();
    let nearest = names
        .iter()
        .map(|known| (strsim::normalized_damerau_levenshtein(known, name), known))
        .filter(|(likeness, _)| *likeness > 0.4)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known.clone());
    WorldError::Unknown { name: name.to_owned(), nearest, names }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]
    use super::*;

    #[test]
    fn every_embedded_world_is_valid_and_says_what_cures_it() {
        for summary in World::names() {
            let world = World::named(&summary.name).unwrap_or_else(|e| panic!("{}: {e}", summary.name));
            assert!(!world.spec.summary.is_empty(), "{}", summary.name);
            assert!(!world.spec.cure.because.is_empty(), "{}", summary.name);
        }
    }

    #[test]
    fn an_unknown_name_gets_the_nearest() {
        let error = World::named("braker").unwrap_err().to_string();
        assert!(error.contains("did you mean \"breaker\"?"), "{error}");
    }

    #[test]
    fn set_reaches_named_members_and_quoted_keys() {
        let world = World::named("breaker")
            .and_then(|w| w.set("workload.front.replicas", 7))
            .and_then(|w| {
                w.set("objects.DestinationRule/graph-core.metadata.labels.\"argocd.argoproj.io/instance\"", "shop")
            })
            .unwrap();
        let front = world.spec.workload.iter().find(|w| w.name == "front").unwrap();
        assert_eq!(front.replicas, 7);
        let rule = world.spec.objects.iter().find(|o| o["kind"] == "DestinationRule").unwrap();
        assert_eq!(rule["metadata"]["labels"]["argocd.argoproj.io/instance"], "shop");
    }

    #[test]
    fn a_path_that_leads_nowhere_says_what_exists_there() {
        let error = World::named("breaker").and_then(|w| w.set("workload.frnt.replicas", 7)).unwrap_err();
        assert!(error.to_string().contains("front"), "{error}");
        let error = World::named("breaker").and_then(|w| w.set("workload.front.replikas", 7)).unwrap_err();
        assert!(error.to_string().contains("replikas"), "{error}");
    }

    #[test]
    fn a_wrong_file_is_refused_with_its_reason() {
        for (text, says) in [
            ("summary = ", "not TOML"),
            (
                "summary = 'x'\n[cure]\nchange='none'\nbecause='y'\n[[traffic]]\nfrom='a'\nto='b:1'\nrate=1.0",
                "no workload \"a\"",
            ),
            (
                "summary = 'x'\nobjects = '{apiVersion: v1, kind: Pod}'\n[cure]\nchange='none'\nbecause='y'",
                "metadata.name",
            ),
            (
                "summary = 'x'\nobjects = '{apiVersion: v1, kind: Podd, metadata: {name: a}}'\n[cure]\nchange='none'\nbecause='y'",
                "no kind Podd of v1",
            ),
            ("summary = 'x'\nwarm_up = '5'\n[cure]\nchange='none'\nbecause='y'", "not a duration"),
        ] {
            let error = World::parse(text).unwrap_err().to_string();
            assert!(error.contains(says), "{text}: {error}");
        }
    }
}
