//! Gets the objects of an installation: from istioctl, or from a file that Helm has written.

use std::collections::BTreeSet;
use std::sync::Arc;

use meshbook_runtime::effect::{Effect, ObjectRef, Rendering, Reply, ResourceKind};
use meshbook_runtime::failure::{BAD_ANSWER, Failure, NOT_FOUND, TYPE};
use meshbook_runtime::run::Run;
use serde_json::{Value, json};

use super::{Manifest, order};
use crate::backup::clean::group;
use crate::code::MANIFEST;
use crate::kubernetes::{configuration, kinds, read};
use crate::revision::{gather, label, service_of};
use crate::text::first_line;

/// The revision of an installation that names none.
pub const DEFAULT: &str = "default";
/// Who checks objects that name no revision.
const VALIDATOR: &str = "istiod-default-validator";
/// The longest name of a label of RFC 1123.
const LABEL: usize = 63;

/// What is asked of istioctl.
pub struct Wanted {
    /// The version that istioctl must have, and renders.
    pub version: String,
    /// A profile that comes with it.
    pub profile: String,
    /// The revision; `default` for none.
    pub revision: String,
    /// `meshConfig` and other values, a `path=value` each.
    pub values: Vec<String>,
    /// A file of further values: its name, and what it holds.
    pub file: Option<(String, Arc<str>)>,
}

/// What istioctl renders.
///
/// # Errors
/// `TYPE` for a version, profile, revision or value that is none; `TOOL`; `MANIFEST` for what cannot be applied; what reads
/// of the API server can end in.
pub fn rendered(run: &Run, wanted: &Wanted) -> Result<Manifest, Failure> {
    let Wanted { version, profile, revision, values, file } = wanted;
    let wrong = |what: &str, text: &str, hint: &str| {
        Failure::new(&TYPE, format!("`{}` is no {what}", first_line(text))).unchanged("nothing was changed").hint(hint)
    };
    let word = |text: &str| {
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        !text.is_empty()
            && text.len() <= LABEL
            && text.chars().all(plain)
            && !text.starts_with('-')
            && !text.ends_with('-')
    };
    let is_version = version.starts_with(|c: char| c.is_ascii_digit())
        && version.len() <= LABEL
        && version.chars().all(|c| c.is_ascii_alphanumeric() || ".-+".contains(c));
    if !is_version {
        return Err(wrong("version of Istio", version, "write it as its release is called, such as 1.31.0"));
    }
    if !word(profile) {
        return Err(wrong("profile", profile, "one of istioctl's own: default, minimal, demo, ambient, …"));
    }
    if !word(revision) {
        return Err(wrong("revision", revision, "a revision is lower-case letters, digits and `-`, such as 1-31"));
    }
    let mut arguments: Vec<String> = vec!["manifest".into(), "generate".into(), format!("--set=profile={profile}")];
    for value in values {
        let (path, _) = value.split_once('=').unwrap_or((value, ""));
        let plain = |c: char| c.is_ascii_alphanumeric() || "._-[]\\/:".contains(c);
        if path.is_empty()
            || path.len() == value.len()
            || !path.chars().all(plain)
            || value.chars().any(char::is_control)
        {
            return Err(wrong(
                "value",
                value,
                "a value is written path=value, such as meshConfig.accessLogFile=/dev/stdout",
            ));
        }
        arguments.push(format!("--set={value}"));
    }
    if revision != DEFAULT {
        arguments.push(format!("--revision={revision}"));
    }
    // The first control plane also checks the objects that name no revision; a further one does not take that from it.
    if is_first(run, revision)? {
        arguments.push(format!("--set=values.defaultRevision={revision}"));
    }
    let (mut input, mut by) = (String::new(), String::new());
    if let Some((name, text)) = file {
        // It is given on the standard input, as it was read with the script: the file may be another one by now.
        arguments.extend(["-f".into(), "-".into()]);
        input = text.to_string();
        by = format!(", by {}", first_line(name));
    }
    let rendering = Rendering {
        tool: "istioctl".into(),
        version: version.clone(),
        version_arguments: ["version", "--remote=false", "--output=json"].map(str::to_owned).to_vec(),
        arguments,
        input,
    };
    let named = if revision == DEFAULT { String::new() } else { format!(", revision {revision}") };
    let source = format!("istioctl {version}, profile {profile}{named}{by}");
    let Reply::Json(Value::Array(objects)) = run.read(Effect::render(rendering, format!("render {source}")))? else {
        return Err(Failure::new(&BAD_ANSWER, "istioctl answered no objects"));
    };
    of(run, source, objects)
}

/// Whether a revision is the first of this cluster, or the only one: nobody else checks the objects that name no revision.
fn is_first(run: &Run, revision: &str) -> Result<bool, Failure> {
    let validator = ObjectRef::new(kinds::validating_webhooks(), "", VALIDATOR);
    if let Some(validator) = read::find(run, &validator)? {
        let service = validator.pointer("/webhooks/0/clientConfig/service/name").and_then(Value::as_str);
        return Ok(service == Some(service_of(revision).as_str()));
    }
    let others =
        |one: &Value| label(one, "app") == Some("sidecar-injector") && label(one, "istio.io/rev") != Some(revision);
    Ok(!gather::mutating(run)?.iter().any(others))
}

/// What lies in a file, as `helm template` or `istioctl manifest generate` wrote it.
///
/// # Errors
/// `FILE`, `NOT_FOUND`, `MANIFEST`; what reads of the API server can end in.
pub fn in_file(run: &Run, name: &str) -> Result<Manifest, Failure> {
    let Reply::Text(text) = run.read(Effect::read_manifest(name))? else {
        return Err(Failure::new(&BAD_ANSWER, format!("the file {} holds no text", first_line(name))));
    };
    let objects: Vec<Value> = serde_saphyr::from_multiple(&text).map_err(|error| {
        Failure::new(&MANIFEST, format!("the file {name} is not YAML: {}", first_line(&error.to_string())))
            .unchanged("nothing was changed")
            .hint("render it again: `helm template … > FILE`")
    })?;
    of(run, format!("the file {name}"), objects)
}

/// Objects in the order in which they are applied, with the namespaces that they need.
fn of(run: &Run, source: String, objects: Vec<Value>) -> Result<Manifest, Failure> {
    let unusable = |why: String| {
        Failure::new(&MANIFEST, format!("what was rendered by {source} cannot be applied: {}", first_line(&why)))
            .unchanged("nothing was changed")
    };
    let mut sound = Vec::with_capacity(objects.len());
    for object in objects.into_iter().filter(|object| !object.is_null()) {
        let mut object = object;
        if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
            // Written as null by tools that print Go structs.
            metadata.shift_remove("creationTimestamp");
        }
        object.as_object_mut().map(|fields| fields.shift_remove("status"));
        if let Some(hook) = object.pointer("/metadata/annotations/helm.sh~1hook").and_then(Value::as_str) {
            let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            return Err(unusable(format!("{name} is a hook of Helm ({hook}), which only Helm runs"))
                .hint("render without hooks: `helm template --no-hooks`"));
        }
        sound.push(configuration::sound(object).map_err(unusable)?);
    }
    if sound.is_empty() {
        return Err(unusable("it holds no object".into()));
    }
    let kinds = served(run, &sound)?;
    let mut objects = Vec::with_capacity(sound.len());
    let mut homes = BTreeSet::new();
    let mut given = BTreeSet::new();
    for object in sound {
        let reference = reference(&kinds, &object, &source)?;
        homes.extend(reference.namespace.clone());
        if !given.insert(reference.clone()) {
            return Err(unusable(format!("{reference} is in it twice")));
        }
        objects.push((reference, object));
    }
    // Renderings leave the namespace to whoever installs them.
    for name in homes {
        let reference = ObjectRef::new(kinds::namespace(), "", &name);
        if given.insert(reference.clone()) {
            objects.push((reference, json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": name } })));
        }
    }
    objects.sort_by_cached_key(|(reference, _)| {
        let kind = &reference.kind;
        (order::rank(&kind.group, &kind.kind), kind.kind.clone(), reference.namespace.clone(), reference.name.clone())
    });
    Ok(Manifest::new(source, objects))
}

/// The kinds of these objects: those that the API server serves, and those that the objects themselves define.
fn served(run: &Run, objects: &[Value]) -> Result<Vec<ResourceKind>, Failure> {
    let groups: BTreeSet<String> = objects.iter().map(|object| group(object).to_owned()).collect();
    let mut kinds = read::served(run, groups.into_iter().collect(), "which kinds it serves")?;
    for object in objects.iter().filter(|object| object["kind"] == "CustomResourceDefinition") {
        let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        kinds.push(ResourceKind {
            group: text("/spec/group").into(),
            version: text("/spec/versions/0/name").into(),
            kind: text("/spec/names/kind").into(),
            plural: text("/spec/names/plural").into(),
            namespaced: text("/spec/scope") == "Namespaced",
        });
    }
    Ok(kinds)
}

fn reference(kinds: &[ResourceKind], object: &Value, source: &str) -> Result<ObjectRef, Failure> {
    let text = |pointer: &str| object.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (version, kind, name) = (text("/apiVersion"), text("/kind"), text("/metadata/name"));
    let known = kinds.iter().find(|one| one.group == group(object) && one.kind == kind).ok_or_else(|| {
        Failure::new(
            &NOT_FOUND,
            format!(
                "{} {} of {source} cannot be applied: the API server serves no such kind of {}",
                first_line(kind),
                first_line(name),
                first_line(version)
            ),
        )
        .unchanged("nothing was changed")
        .hint("install what defines it first, or render without it")
    })?;
    // In the version in which it was written.
    let version = version.rsplit_once('/').map_or(version, |(_, version)| version);
    let kind = ResourceKind { version: version.to_owned(), ..known.clone() };
    let namespace = match text("/metadata/namespace") {
        "" if kind.namespaced => {
            return Err(Failure::new(&MANIFEST, format!("{} {name} of {source} names no namespace", kind.kind))
                .unchanged("nothing was changed")
                .hint("render it with one: `helm template --namespace istio-system`"));
        }
        namespace => namespace,
    };
    Ok(ObjectRef::new(kind, namespace, name))
}

/// The versions of istiods that stand in the place of those of a manifest, where they are others.
///
/// # Errors
/// What every read of the API server can end in.
pub fn others(run: &Run, manifest: &Manifest) -> Result<Vec<String>, Failure> {
    let mut others = Vec::new();
    for (reference, version) in manifest.control_planes() {
        let Some(mut now) = read::find(run, reference)? else { continue };
        now["kind"] = "Deployment".into();
        if let Some(there) = super::istiod_version(&now).filter(|there| *there != version) {
            others.push(format!("{reference} is of {there}"));
        }
    }
    Ok(others)
}
