//! Looks at the objects of an installation.

use std::collections::BTreeSet;

use meshbook_runtime::change::rollout;
use meshbook_runtime::effect::ResourceKind;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::of_revision::{self, Found};
use super::{Installation, Part, Sort};
use crate::evidence::{absorb, root};
use crate::kubernetes::kinds;
use crate::kubernetes::read::{self, Listed};
use crate::revision::labels::REVISION;
use crate::revision::{label, objects};

/// The CustomResourceDefinitions that chart `base` of every Istio from 1.24 to 1.31 brings.
const DEFINITIONS: [&str; 14] = [
    "authorizationpolicies.security.istio.io",
    "destinationrules.networking.istio.io",
    "envoyfilters.networking.istio.io",
    "gateways.networking.istio.io",
    "peerauthentications.security.istio.io",
    "proxyconfigs.networking.istio.io",
    "requestauthentications.security.istio.io",
    "serviceentries.networking.istio.io",
    "sidecars.networking.istio.io",
    "telemetries.telemetry.istio.io",
    "virtualservices.networking.istio.io",
    "wasmplugins.extensions.istio.io",
    "workloadentries.networking.istio.io",
    "workloadgroups.networking.istio.io",
];

/// The label of what an installer has made.
const COMPONENT: &str = "operator.istio.io/component";
/// The label of a gateway that istiod has deployed for a Gateway of the Gateway API.
const GATEWAY: &str = "gateway.networking.k8s.io/gateway-name";
/// The revision of an installation that names none.
const DEFAULT: &str = "default";

/// What was listed.
struct Seen {
    definitions: Vec<Value>,
    /// Deployments and DaemonSets.
    workloads: Vec<(&'static str, Vec<Listed>)>,
    injectors: Vec<Value>,
    validators: Vec<Value>,
    /// The revisions whose istiod's Deployment is there.
    revisions: BTreeSet<String>,
    /// What is known by its name.
    found: Found,
}

/// Looks at what is installed.
///
/// # Errors
/// What a script may not handle.
pub fn gather(run: &Run) -> Result<Installation, Failure> {
    let root = root::namespace(run)?;
    let mut notes = Vec::new();
    let seen = match look(run, &root, &mut notes) {
        Ok(seen) => Ok(parts(&seen, &root)),
        Err(failure) => Err(Missing::Unreachable(absorb(failure)?)),
    };
    Ok(Installation::new(seen, notes))
}

fn look(run: &Run, root: &str, notes: &mut Vec<String>) -> Result<Seen, Failure> {
    let mut workloads = Vec::new();
    for (kind, name) in [(kinds::deployment(), "Deployment"), (kinds::daemon_set(), "DaemonSet")] {
        let (listed, note) = read::view_widely(run, &kind, &[root, run.namespace()])?;
        notes.extend(note.map(|note| format!("looked at {note}")));
        workloads.push((name, listed));
    }
    let istiods = workloads.iter().flat_map(|(_, lists)| lists).flat_map(Listed::iter);
    let istiods = istiods.filter(|object| label(object, "app") == Some("istiod"));
    let revisions: BTreeSet<String> =
        istiods.map(|object| label(object, REVISION).unwrap_or(DEFAULT).to_owned()).collect();
    Ok(Seen {
        definitions: read::list(run, definitions(), None, None)?,
        injectors: read::list(run, kinds::mutating_webhooks(), None, None)?,
        validators: read::list(run, kinds::validating_webhooks(), None, None)?,
        found: of_revision::find(run, revisions.iter(), root)?,
        workloads,
        revisions,
    })
}

fn definitions() -> ResourceKind {
    ResourceKind::cluster("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions")
}

fn parts(seen: &Seen, root: &str) -> Vec<Part> {
    // Those that only some versions bring are looked at where they are there.
    let names = seen.definitions.iter().filter_map(|one| one.pointer("/metadata/name").and_then(Value::as_str));
    let own = names.filter(|name| name.ends_with(".istio.io"));
    let wanted: BTreeSet<&str> = DEFINITIONS.into_iter().chain(own).collect();
    let mut parts: Vec<Part> = wanted.iter().map(|name| definition(name, &seen.definitions)).collect();
    for (kind, lists) in &seen.workloads {
        let own = lists.iter().flat_map(Listed::iter).filter(|object| is_of_istio(object));
        parts.extend(own.map(|object| workload(kind, object)));
    }
    if seen.revisions.is_empty() {
        let name = format!("Deployment {root}/istiod");
        parts.push(Part { sort: Sort::Workload, name, wrong: Some("is not there, of no revision".into()) });
    }
    for revision in &seen.revisions {
        let suffix = objects::suffix(revision);
        let injector = format!("istio-sidecar-injector{suffix}");
        parts.push(webhook("MutatingWebhookConfiguration", &injector, &[], &seen.injectors));
        // `istioctl` and the charts do not name it alike.
        let validator = format!("istio-validator{suffix}-{root}");
        let other = format!("istiod{suffix}-{root}");
        parts.push(webhook("ValidatingWebhookConfiguration", &validator, &[&other], &seen.validators));
        parts.extend(of_revision::parts(revision, root, &seen.found));
    }
    if !seen.revisions.is_empty() {
        parts.push(of_revision::shared(root, &seen.found));
    }
    parts.sort_by(|one, other| (one.sort, &one.name).cmp(&(other.sort, &other.name)));
    parts
}

fn named(object: &Value, name: &str) -> bool {
    object.pointer("/metadata/name").and_then(Value::as_str) == Some(name)
}

fn is_of_istio(object: &Value) -> bool {
    let gateway = || matches!(label(object, "istio"), Some("ingressgateway" | "egressgateway"));
    label(object, COMPONENT).is_some()
        || label(object, GATEWAY).is_some()
        || label(object, "app") == Some("istiod")
        || gateway()
}

fn definition(name: &str, all: &[Value]) -> Part {
    let wrong = match all.iter().find(|one| named(one, name)) {
        None => Some("is not there".to_owned()),
        Some(one) => {
            let conditions = one.pointer("/status/conditions").and_then(Value::as_array);
            let established = conditions.into_iter().flatten().any(|condition| {
                condition.get("type").and_then(Value::as_str) == Some("Established")
                    && condition.get("status").and_then(Value::as_str) == Some("True")
            });
            (!established).then(|| "is not established: the API server does not serve it yet".to_owned())
        }
    };
    Part { sort: Sort::Definition, name: format!("CRD {name}"), wrong }
}

fn workload(kind: &str, object: &Value) -> Part {
    let of = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let name = format!("{kind} {}/{}", of("/metadata/namespace"), of("/metadata/name"));
    let (ready, wanted, done) = rollout::progress(object, 0);
    let wrong = match (done, wanted) {
        (_, 0) => Some("is scaled to no pod".to_owned()),
        (true, _) => None,
        (false, _) => Some(format!("is not rolled out: {ready} of {wanted} pods are ready")),
    };
    Part { sort: Sort::Workload, name, wrong }
}

fn webhook(kind: &str, name: &str, other: &[&str], all: &[Value]) -> Part {
    let found = all.iter().find(|one| named(one, name) || other.iter().any(|other| named(one, other)));
    let wrong = match found {
        None => Some("is not there".to_owned()),
        Some(one) => {
            let webhooks = one.get("webhooks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let trusts = |webhook: &Value| {
                let bundle = webhook.pointer("/clientConfig/caBundle").and_then(Value::as_str);
                bundle.is_some_and(|bundle| !bundle.is_empty())
            };
            if webhooks.is_empty() {
                Some("has no webhook".to_owned())
            } else if webhooks.iter().all(trusts) {
                None
            } else {
                Some("has no root certificate: istiod has not written it yet".to_owned())
            }
        }
    };
    let name = found.and_then(|one| one.pointer("/metadata/name")).and_then(Value::as_str).unwrap_or(name);
    Part { sort: Sort::Webhook, name: format!("{kind} {name}"), wrong }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_definition_has_to_be_established_and_a_webhook_to_trust_istiod() {
        let crd = |status: &str| {
            json!({"metadata": {"name": "x.y"}, "status": {"conditions": [
                {"type": "NamesAccepted", "status": "True"}, {"type": "Established", "status": status},
            ]}})
        };
        assert_eq!(definition("x.y", &[crd("True")]).wrong, None);
        assert!(definition("x.y", &[crd("False")]).wrong.is_some_and(|wrong| wrong.contains("not established")));
        assert!(definition("z.y", &[crd("True")]).wrong.is_some_and(|wrong| wrong == "is not there"));
        let hook =
            |bundle: &str| json!({"metadata": {"name": "b"}, "webhooks": [{"clientConfig": {"caBundle": bundle}}]});
        assert_eq!(
            webhook("K", "a", &["b"], &[hook("eA==")]),
            Part { sort: Sort::Webhook, name: "K b".into(), wrong: None }
        );
        assert!(webhook("K", "b", &[], &[hook("")]).wrong.is_some_and(|wrong| wrong.contains("root certificate")));
    }

    #[test]
    fn a_workload_that_is_scaled_to_nothing_or_half_there_is_not_whole() {
        let deployment = |replicas: u64, ready: u64| {
            json!({"metadata": {"namespace": "n", "name": "istiod", "generation": 2}, "spec": {"replicas": replicas},
                "status": {"observedGeneration": 2, "replicas": ready, "updatedReplicas": ready, "availableReplicas": ready}})
        };
        assert_eq!(workload("Deployment", &deployment(2, 2)).wrong, None);
        assert!(workload("Deployment", &deployment(2, 1)).wrong.is_some_and(|wrong| wrong.contains("1 of 2 pods")));
        assert!(workload("Deployment", &deployment(0, 0)).wrong.is_some_and(|wrong| wrong.contains("no pod")));
    }

    #[test]
    fn without_an_istiod_nothing_is_whole() {
        let none = Seen {
            definitions: Vec::new(),
            workloads: Vec::new(),
            injectors: Vec::new(),
            validators: Vec::new(),
            revisions: BTreeSet::new(),
            found: Found::new(),
        };
        let parts = parts(&none, "istio-system");
        assert_eq!(parts.len(), DEFINITIONS.len() + 1);
        assert!(parts.iter().all(|part| part.wrong.is_some()));
    }
}
