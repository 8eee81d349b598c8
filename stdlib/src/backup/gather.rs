//! Reads what people have written of a mesh: all of it, or nothing.

use std::collections::{BTreeMap, BTreeSet};

use meshbook_runtime::effect::{Call, Effect, ObjectRef, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, Failure, NOT_FOUND};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::Document;
use serde_json::Value;

use super::age::Recipient;
use super::clean::{clean, group_of, rank};
use super::format::{Content, Manifest, Place};
use crate::evidence::root;
use crate::kubernetes::{kinds, read};
use crate::text::{and, count};

/// The groups whose every kind belongs to the mesh.
pub const GROUPS: [&str; 5] = [
    "networking.istio.io",
    "security.istio.io",
    "telemetry.istio.io",
    "extensions.istio.io",
    "gateway.networking.k8s.io",
];

/// The Secrets of Istio's certificate authority: its own, and one that people plug in.
const AUTHORITY: [&str; 2] = ["cacerts", "istio-ca-secret"];

/// An object as the file has it, and where.
type Kept = (Place, Content);

/// A namespace that every cluster has, and that nobody deletes.
const KUBE_SYSTEM: &str = "kube-system";

/// Which cluster this is: the `uid` of its namespace `kube-system`.
///
/// # Errors
/// What every read can end in.
pub fn cluster(run: &Run) -> Result<String, Failure> {
    let object = read::get(run, &ObjectRef::new(kinds::namespace(), "", KUBE_SYSTEM))?;
    let uid = object.pointer("/metadata/uid").and_then(Value::as_str).map(str::to_owned);
    uid.ok_or_else(|| {
        Failure::new(&BAD_ANSWER, "the namespace kube-system has no uid, so the cluster cannot be told from others")
    })
}

/// The kinds that the API server serves in the groups of the mesh.
///
/// # Errors
/// What every read can end in; `NOT_FOUND` if it serves none.
pub fn served(run: &Run) -> Result<Vec<ResourceKind>, Failure> {
    let kinds = read::served(
        run,
        GROUPS.iter().map(|group| (*group).to_owned()).collect(),
        "which kinds of the mesh it serves",
    )?;
    if kinds.is_empty() {
        return Err(Failure::new(&NOT_FOUND, "the API server serves no kind of Istio")
            .unchanged("nothing was changed")
            .hint("this is no cluster with Istio, or its CRDs are gone: apply those of the installation first"));
    }
    Ok(kinds)
}

/// All of it now. Secrets are in it only for a recipient.
///
/// # Errors
/// What every read can end in: what cannot be read whole is not backed up.
pub fn gather(run: &Run, recipient: Option<&Recipient>) -> Result<(Manifest, Vec<Content>), Failure> {
    let cluster = cluster(run)?;
    let root = root::namespace(run)?;
    let (mut contents, mut left_out) = written(run, &root)?;
    let namespaces = read::list(run, kinds::namespace(), None, None)?;
    let home: BTreeSet<String> = contents.iter().filter_map(|(place, _)| place.namespace.clone()).collect();
    let meshed: Vec<Value> = namespaces
        .iter()
        .map(clean)
        .filter(|one| one.pointer("/metadata/labels").is_some() || name_of(one).is_some_and(|name| home.contains(name)))
        .collect();
    contents.extend(meshed.iter().map(in_clear));
    match recipient {
        None => left_out.push(format!(
            "the secrets of the certificate authority ({}) are left out: no recipient was given, and in clear they are never written",
            and(&AUTHORITY.map(str::to_owned))
        )),
        Some(recipient) => {
            let found = secrets(run, &root, recipient)?;
            if found.is_empty() {
                left_out.push(format!("there is no secret of a certificate authority in namespace {root}"));
            }
            contents.extend(found);
        }
    }
    contents.sort_by_cached_key(|(place, _)| {
        (
            rank(group_of(&place.api_version), &place.kind),
            place.kind.clone(),
            place.namespace.clone(),
            place.name.clone(),
        )
    });
    let (places, contents): (Vec<Place>, Vec<Content>) = contents.into_iter().unzip();
    let mut counts = BTreeMap::new();
    places.iter().for_each(|place| *counts.entry(place.kind.clone()).or_default() += 1);
    let manifest = Manifest {
        meshbook: env!("CARGO_PKG_VERSION").into(),
        cluster,
        context: run.context(),
        kubernetes: kubernetes(run)?,
        istio: istio(run)?,
        taken: run.now()?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        counts,
        left_out,
        objects: places,
    };
    Ok((manifest, contents))
}

/// The objects of the mesh's own kinds, and Istio's ConfigMaps; cleaned. With what was left out, and why.
fn written(run: &Run, root: &str) -> Result<(Vec<Kept>, Vec<String>), Failure> {
    let (mut objects, mut derived) = (Vec::new(), 0);
    // One kind after the other: there may be thousands of objects of each.
    for kind in served(run)? {
        for item in read::list(run, kind.clone(), None, None)? {
            if is_controlled(&item) {
                derived += 1;
                continue;
            }
            objects.push(in_clear(&clean(&read::named(item, &kind))));
        }
    }
    let maps = read::list(run, kinds::config_map(), Some(root), None)?;
    let own = maps.into_iter().filter(is_configuration);
    objects.extend(own.map(|map| in_clear(&clean(&read::named(map, &kinds::config_map())))));
    let left_out = (derived > 0).then(|| {
        format!(
            "{} that a controller makes anew from others",
            count(derived, "object is left out", "objects are left out")
        )
    });
    Ok((objects, left_out.into_iter().collect()))
}

/// An object as it stands in the file, and its place.
fn in_clear(object: &Value) -> Kept {
    let content = Content::Clear(Document::of(object));
    (Place::of(object, &content), content)
}

/// Whether a controller has made it and keeps it (`metadata.ownerReferences[].controller`).
fn is_controlled(object: &Value) -> bool {
    let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
    owners.is_some_and(|owners| owners.iter().any(|owner| owner["controller"] == true))
}

/// Whether a ConfigMap of the root namespace is configuration of Istio, and not what istiods leave there: who of them
/// leads, and the root certificate and the list of revoked ones that each namespace gets.
fn is_configuration(map: &Value) -> bool {
    let leads = map.pointer("/metadata/annotations/control-plane.alpha.kubernetes.io~1leader").is_some();
    let written = map.pointer("/metadata/labels/istio.io~1config").and_then(Value::as_str) == Some("true");
    let name = name_of(map).unwrap_or_default();
    let left_by_istiod = leads || written || name.ends_with("-leader") || name.ends_with("-election");
    (name == "istio" || name.starts_with("istio-")) && name != "istio-ca-root-cert" && !left_by_istiod
}

fn secrets(run: &Run, root: &str, recipient: &Recipient) -> Result<Vec<Kept>, Failure> {
    let mut found = Vec::new();
    for name in AUTHORITY {
        let Some(secret) = read::find(run, &ObjectRef::new(kinds::secret(), root, name))? else { continue };
        let secret = clean(&read::named(secret, &kinds::secret()));
        let content = Content::Encrypted(recipient.encrypt(&secret.to_string())?);
        found.push((Place::of(&secret, &content), content));
    }
    Ok(found)
}

fn kubernetes(run: &Run) -> Result<String, Failure> {
    match run.read(Effect::read("API server", "version", Call::Version))? {
        Reply::Json(version) => Ok(version["gitVersion"].as_str().unwrap_or_default().to_owned()),
        _ => Err(Failure::new(&BAD_ANSWER, "the API server does not say its version")),
    }
}

/// The versions of the istiods, by the tags of their images.
fn istio(run: &Run) -> Result<Vec<String>, Failure> {
    let pods = read::list(run, kinds::pod(), None, Some("app=istiod"))?;
    let images =
        pods.iter().flat_map(|pod| pod.pointer("/spec/containers").and_then(Value::as_array).into_iter().flatten());
    let tags =
        images.filter_map(|container| container["image"].as_str()?.rsplit_once(':').map(|(_, tag)| tag.to_owned()));
    Ok(tags.collect::<BTreeSet<_>>().into_iter().collect())
}

fn name_of(object: &Value) -> Option<&str> {
    object.pointer("/metadata/name").and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn configuration_is_told_from_what_istiods_leave() {
        let named = |name: &str| json!({"metadata": {"name": name}});
        for name in ["istio", "istio-canary", "istio-sidecar-injector"] {
            assert!(is_configuration(&named(name)), "{name}");
        }
        for name in
            ["istio-ca-root-cert", "istio-leader", "istio-namespace-controller-election", "kube-root-ca.crt", "values"]
        {
            assert!(!is_configuration(&named(name)), "{name}");
        }
        // As real istiods leave them.
        let leader = json!({"metadata": {"name": "istio-gateway-status-default", "annotations": {"control-plane.alpha.kubernetes.io/leader": "{}"}}});
        let revoked = json!({"metadata": {"name": "istio-ca-crl", "labels": {"istio.io/config": "true"}}, "data": {"ca-crl.pem": ""}});
        assert!(!is_configuration(&leader) && !is_configuration(&revoked));
    }
}
