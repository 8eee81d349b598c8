//! Looks at a cluster into which Istio is to be installed.

use std::collections::BTreeMap;

use meshbook_runtime::effect::{Call, Effect, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, FORBIDDEN, Failure, TYPE};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Missing;
use serde_json::Value;

use super::{Finding, Level, Precheck, Seen, alpha};
use crate::evidence::absorb;
use crate::evidence::root::ISTIO_SYSTEM;
use crate::kubernetes::{kinds, read};
use crate::text::{count, first_line, some};
use crate::version;

/// What whoever installs has to be allowed to create: group, plural, and whether in Istio's namespace (`checkInstallPermissions`).
const CREATES: [(&str, &str, bool); 11] = [
    ("", "namespaces", false),
    ("rbac.authorization.k8s.io", "clusterroles", false),
    ("rbac.authorization.k8s.io", "clusterrolebindings", false),
    ("apiextensions.k8s.io", "customresourcedefinitions", false),
    ("rbac.authorization.k8s.io", "roles", true),
    ("", "serviceaccounts", true),
    ("", "services", true),
    ("apps", "deployments", true),
    ("", "configmaps", true),
    ("admissionregistration.k8s.io", "mutatingwebhookconfigurations", false),
    ("admissionregistration.k8s.io", "validatingwebhookconfigurations", false),
];

/// The group of the Gateway API.
const GATEWAY_API: &str = "gateway.networking.k8s.io";
/// Its kinds that have to be served in `v1beta1`, and those that have to be in `v1` for the next versions (`checkGatewayAPIs`).
const BETA: [&str; 4] = ["Gateway", "GatewayClass", "HTTPRoute", "ReferenceGrant"];
const STABLE: [&str; 4] = ["Gateway", "GatewayClass", "HTTPRoute", "GRPCRoute"];

/// Looks whether Istio of a version can be installed.
///
/// # Errors
/// `TYPE` for what is no version; what a script may not handle.
pub fn gather(run: &Run, istio: &str) -> Result<Precheck, Failure> {
    let Some(minor) = version::minor(istio) else {
        return Err(Failure::new(&TYPE, format!("`{}` is no version of Istio", first_line(istio)))
            .unchanged("nothing was changed")
            .hint("write it as its release is called, such as 1.31.0"));
    };
    let istio = first_line(istio);
    let seen = match look(run, &istio, minor) {
        Ok(seen) => Ok(seen),
        Err(failure) => Err(Missing::Unreachable(absorb(failure)?)),
    };
    Ok(Precheck::new(&istio, seen))
}

fn look(run: &Run, istio: &str, minor: u32) -> Result<Seen, Failure> {
    let (mut findings, mut notes) = (Vec::new(), Vec::new());
    let kubernetes = match run.read(Effect::read("API server", "version", Call::Version))? {
        Reply::Json(version) => version.get("gitVersion").and_then(Value::as_str).unwrap_or_default().to_owned(),
        _ => return Err(Failure::new(&BAD_ANSWER, "the API server does not say its version")),
    };
    match (version::least_kubernetes(minor), version::minor(&kubernetes)) {
        (Some(least), Some(own)) if own < least => findings.push(Finding {
            code: "IST0142",
            level: Level::Error,
            what: format!("Istio {istio} needs Kubernetes 1.{least} or newer, and this is {kubernetes}"),
        }),
        _ => {}
    }
    let (oldest, newest) = version::KNOWN;
    let unknown = (!(oldest..=newest).contains(&minor)).then(|| {
        let why = if minor < oldest { "its support has ended" } else { "it is newer" };
        Missing::NotEvaluated(format!(
            "which Kubernetes Istio {istio} needs: meshbook {} knows Istio 1.{oldest} to 1.{newest}, and {why}",
            env!("CARGO_PKG_VERSION")
        ))
    });
    findings.extend(permissions(run)?);
    findings.extend(gateway_api(run, &mut notes)?);
    notes.extend(annotations(run)?);
    Ok(Seen { kubernetes, findings, notes, unknown })
}

fn permissions(run: &Run) -> Result<Vec<Finding>, Failure> {
    let effects = CREATES.iter().map(|(group, resource, in_istio)| {
        let place = if *in_istio { format!("namespace {ISTIO_SYSTEM}") } else { "the cluster".to_owned() };
        let review = Call::AccessReview {
            verb: "create".into(),
            group: (*group).into(),
            resource: (*resource).into(),
            namespace: in_istio.then(|| ISTIO_SYSTEM.to_owned()),
            name: None,
        };
        Effect::read(place, format!("may this user create {resource}?"), review)
    });
    let mut findings = Vec::new();
    for ((_, resource, in_istio), answer) in CREATES.iter().zip(run.read_all(effects.collect())) {
        match answer? {
            Reply::Json(Value::Bool(true)) => {}
            Reply::Json(Value::Bool(false)) => findings.push(Finding {
                code: "IST0141",
                level: Level::Error,
                what: if *in_istio {
                    format!("this user may not create {resource} in namespace {ISTIO_SYSTEM}")
                } else {
                    format!("this user may not create {resource}")
                },
            }),
            _ => {
                return Err(Failure::new(&BAD_ANSWER, "the access review answered with something else than yes or no"));
            }
        }
    }
    Ok(findings)
}

fn gateway_api(run: &Run, notes: &mut Vec<String>) -> Result<Vec<Finding>, Failure> {
    let definitions =
        ResourceKind::cluster("apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions");
    let all = read::list(run, definitions, None, None)?;
    let own: Vec<&Value> =
        all.iter().filter(|one| one.pointer("/spec/group").and_then(Value::as_str) == Some(GATEWAY_API)).collect();
    if own.is_empty() {
        notes.push("the CRDs of the Gateway API are not there: waypoints and its gateways need them".into());
    }
    Ok(own.into_iter().flat_map(versions).collect())
}

/// What is wrong with the versions that a CRD of the Gateway API serves.
fn versions(definition: &Value) -> Vec<Finding> {
    let text = |pointer: &str| definition.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (name, kind) = (text("/metadata/name"), text("/spec/names/kind"));
    let versions = definition.pointer("/spec/versions").and_then(Value::as_array).into_iter().flatten();
    let served: Vec<&str> =
        versions.into_iter().filter(|one| one["served"] == true).filter_map(|one| one["name"].as_str()).collect();
    let has = if served.is_empty() { "none".to_owned() } else { served.join(", ") };
    let mut findings = Vec::new();
    if BETA.contains(&kind) && !served.contains(&"v1beta1") {
        let what = format!("CRD {name} serves {has}, and Istio needs v1beta1");
        findings.push(Finding { code: "IST0156", level: Level::Error, what });
    }
    if STABLE.contains(&kind) && !served.contains(&"v1") {
        let what = format!("CRD {name} serves {has}, and the next versions of Istio need v1");
        findings.push(Finding { code: "IST0172", level: Level::Warning, what });
    }
    findings
}

/// Who has alpha annotations, in words; and which kinds could not be looked at.
fn annotations(run: &Run) -> Result<Vec<String>, Failure> {
    let mut notes = Vec::new();
    let mut holders: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    for (kind, name) in [
        (kinds::namespace(), "Namespace"),
        (kinds::service(), "Service"),
        (kinds::pod(), "Pod"),
        (kinds::deployment(), "Deployment"),
    ] {
        let plural = kind.plural.clone();
        let all = match read::view(run, kind, None, None) {
            Ok(all) => all,
            Err(failure) if failure.is(&FORBIDDEN) => {
                notes.push(format!("{plural} may not be listed, so their annotations were not looked at"));
                continue;
            }
            Err(failure) => return Err(failure),
        };
        for object in all.iter() {
            for annotation in alpha::of(name, object) {
                let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
                let place = match text("/metadata/namespace") {
                    "" => text("/metadata/name").to_owned(),
                    namespace => format!("{namespace}/{}", text("/metadata/name")),
                };
                holders.entry(annotation).or_default().push(format!("{name} {place}"));
            }
        }
    }
    notes.extend(holders.iter().map(|(annotation, who)| {
        let many = count(who.len(), "object has", "objects have");
        format!("IST0136: {many} the alpha annotation {annotation}: {}", some(who, 2))
    }));
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_gateway_api_has_to_be_served_in_the_versions_that_istio_reads() {
        let crd = |kind: &str, served: &[&str]| {
            let versions: Vec<Value> = served.iter().map(|name| json!({ "name": name, "served": true })).collect();
            json!({ "metadata": { "name": "x" }, "spec": { "group": GATEWAY_API, "names": { "kind": kind }, "versions": versions } })
        };
        let codes = |kind: &str, served: &[&str]| -> Vec<&str> {
            versions(&crd(kind, served)).iter().map(|finding| finding.code).collect()
        };
        assert_eq!(codes("Gateway", &["v1", "v1beta1"]), [""; 0]);
        assert_eq!(codes("Gateway", &["v1alpha2"]), ["IST0156", "IST0172"]);
        assert_eq!(codes("GRPCRoute", &["v1alpha2"]), ["IST0172"]);
        assert_eq!(codes("ReferenceGrant", &["v1"]), ["IST0156"]);
        assert_eq!(codes("TCPRoute", &["v1alpha2"]), [""; 0]);
    }
}
