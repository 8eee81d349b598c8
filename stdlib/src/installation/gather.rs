//! Looks at the objects of an installation.

use std::collections::{BTreeMap, BTreeSet};

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
use crate::revision::{label, objects, service_of};

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

/// Definitions that later versions bring as well, and the first that does.
const LATER: [(&str, Release); 1] = [("trafficextensions.extensions.istio.io", (1, 31))];

/// The webhooks of an injector, by the beginnings of their names (chart `istio-discovery`), and those that the one of an
/// installation without revision has beside them.
const INJECTORS: [&str; 2] = ["rev.namespace", "rev.object"];
const OF_DEFAULT: [&str; 2] = ["namespace", "object"];

/// Who checks objects of Istio that name no revision.
const DEFAULT_VALIDATOR: &str = "istiod-default-validator";

/// Major and minor version of Istio.
pub type Release = (u32, u32);

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
    /// The revisions of which an istiod's Deployment or an injector is there, with the release of their istiod, as far as its
    /// image says so; where there is none, the one that an installation without revision would be.
    revisions: BTreeMap<String, Option<Release>>,
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
    let mut revisions: BTreeMap<String, Option<Release>> =
        istiods.map(|object| (label(object, REVISION).unwrap_or(DEFAULT).to_owned(), release(object))).collect();
    let injectors = read::list(run, kinds::mutating_webhooks(), None, None)?;
    // One whose istiod is gone is half there: what calls it refuses pods.
    for injector in injectors.iter().filter(|one| label(one, "istio.io/tag").is_none() && is_injector(one)) {
        revisions.entry(label(injector, REVISION).unwrap_or(DEFAULT).to_owned()).or_default();
    }
    if revisions.is_empty() {
        revisions.insert(DEFAULT.to_owned(), None);
    }
    Ok(Seen {
        definitions: read::list(run, definitions(), None, None)?,
        injectors,
        validators: read::list(run, kinds::validating_webhooks(), None, None)?,
        found: of_revision::find(run, revisions.keys(), root)?,
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
    let newest = seen.revisions.values().flatten().max();
    let later = LATER.iter().filter(|(_, since)| newest.is_some_and(|newest| newest >= since)).map(|(name, _)| *name);
    let wanted: BTreeSet<&str> = DEFINITIONS.into_iter().chain(later).chain(own).collect();
    let mut parts: Vec<Part> = wanted.iter().map(|name| definition(name, &seen.definitions)).collect();
    for (kind, lists) in &seen.workloads {
        let own = lists.iter().flat_map(Listed::iter).filter(|object| is_of_istio(object));
        parts.extend(own.map(|object| workload(kind, object)));
    }
    for (revision, release) in &seen.revisions {
        let suffix = objects::suffix(revision);
        let name = format!("Deployment {root}/{}", service_of(revision));
        if !parts.iter().any(|part| part.name == name) {
            parts.push(Part { sort: Sort::Workload, name, wrong: Some("is not there".into()) });
        }
        let injector = format!("istio-sidecar-injector{suffix}");
        let own = if revision == DEFAULT { &OF_DEFAULT[..] } else { &[] };
        let names: Vec<&str> = INJECTORS.iter().chain(own).copied().collect();
        parts.push(webhook("MutatingWebhookConfiguration", &injector, &[], &names, &seen.injectors));
        // `istioctl` and the charts do not name it alike.
        let validator = format!("istio-validator{suffix}-{root}");
        let other = format!("istiod{suffix}-{root}");
        parts.push(webhook("ValidatingWebhookConfiguration", &validator, &[&other], &[], &seen.validators));
        parts.extend(of_revision::parts(revision, *release, root, &seen.found));
    }
    parts.push(of_revision::shared(root, &seen.found));
    let names_no_default = |revision: &String| of_revision::has_no_default(revision, root, &seen.found);
    if !seen.revisions.keys().all(names_no_default) {
        parts.push(webhook("ValidatingWebhookConfiguration", DEFAULT_VALIDATOR, &[], &[], &seen.validators));
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

/// The release of an istiod, from the tag of its image; `None` for a build of one's own.
fn release(deployment: &Value) -> Option<Release> {
    let containers = deployment.pointer("/spec/template/spec/containers").and_then(Value::as_array)?;
    let discovery = containers.iter().find(|one| one["name"] == "discovery")?;
    let (_, tag) = discovery["image"].as_str()?.rsplit_once(':')?;
    let mut numbers = tag.split(['.', '-']).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn is_injector(configuration: &Value) -> bool {
    let webhooks = configuration.get("webhooks").and_then(Value::as_array).into_iter().flatten();
    let mut names = webhooks.filter_map(|webhook| webhook["name"].as_str());
    names.any(|name| name.ends_with("sidecar-injector.istio.io"))
}

/// A configuration of webhooks: by its name or another, with webhooks whose names begin so.
fn webhook(kind: &str, name: &str, other: &[&str], names: &[&str], all: &[Value]) -> Part {
    let found = all.iter().find(|one| named(one, name) || other.iter().any(|other| named(one, other)));
    let wrong = match found {
        None => Some("is not there".to_owned()),
        Some(one) => {
            let webhooks = one.get("webhooks").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
            let trusts = |webhook: &Value| {
                let bundle = webhook.pointer("/clientConfig/caBundle").and_then(Value::as_str);
                bundle.is_some_and(|bundle| !bundle.is_empty())
            };
            let has = |prefix: &&&str| {
                let begins = |name: &str| name.strip_prefix(**prefix).is_some_and(|rest| rest.starts_with('.'));
                webhooks.iter().any(|webhook| webhook["name"].as_str().is_some_and(begins))
            };
            if webhooks.is_empty() {
                Some("has no webhook".to_owned())
            } else if let Some(lost) = names.iter().find(|prefix| !has(prefix)) {
                Some(format!("has lost its webhook {lost}.sidecar-injector.istio.io"))
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
            webhook("K", "a", &["b"], &[], &[hook("eA==")]),
            Part { sort: Sort::Webhook, name: "K b".into(), wrong: None }
        );
        assert!(webhook("K", "b", &[], &[], &[hook("")]).wrong.is_some_and(|wrong| wrong.contains("root certificate")));
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
    fn an_injector_needs_each_of_its_webhooks() {
        let one = |name: &str| json!({"name": format!("{name}.sidecar-injector.istio.io"), "clientConfig": {"caBundle": "eA=="}});
        let of = |names: &[&str]| json!({"metadata": {"name": "i"}, "webhooks": names.iter().map(|name| one(name)).collect::<Vec<_>>()});
        let wrong = |names: &[&str]| webhook("K", "i", &[], &INJECTORS, &[of(names)]).wrong;
        assert_eq!(wrong(&["rev.namespace", "rev.object"]), None);
        assert!(wrong(&["rev.object"]).is_some_and(|wrong| wrong.contains("rev.namespace.sidecar-injector.istio.io")));
    }

    #[test]
    fn the_release_of_an_istiod_is_its_images() {
        let of = |image: &str| {
            release(&json!({"spec": {"template": {"spec": {"containers": [{"name": "discovery", "image": image}]}}}}))
        };
        assert_eq!(of("registry.istio.io/release/pilot:1.31.0-distroless"), Some((1, 31)));
        assert_eq!(of("registry.istio.io/testing/pilot:latest"), None);
    }

    #[test]
    fn without_an_istiod_nothing_is_whole() {
        let none = Seen {
            definitions: Vec::new(),
            workloads: Vec::new(),
            injectors: Vec::new(),
            validators: Vec::new(),
            revisions: BTreeMap::from([(DEFAULT.to_owned(), None)]),
            found: Found::new(),
        };
        let parts = parts(&none, "istio-system");
        assert!(parts.len() > DEFINITIONS.len() + 10, "{parts:?}");
        assert!(parts.iter().all(|part| part.wrong.is_some()), "{parts:?}");
    }
}
