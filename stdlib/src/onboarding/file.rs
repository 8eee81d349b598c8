//! Reviewed files about a host: `$(service)`, `$(namespace)` and `$(host)` in their texts stand for it.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{Failure, SCRIPT};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use serde_json::Value;

use crate::code::{CONFIGURED_ELSEWHERE, SUBSET_UNKNOWN};
use crate::host::Host;
use crate::kubernetes::{configuration, kinds, read};
use crate::object::convert::merge;

/// The objects of a file, about a host.
fn objects(run: &Run, host: &Host, name: &str, text: &str) -> Result<Vec<(ObjectRef, Value)>, Failure> {
    let wrong = |why: String| {
        Failure::new(&SCRIPT, format!("{name}: {why}"))
            .unchanged("nothing was changed")
            .hint("mend the file, and have it reviewed")
    };
    let mut found = Vec::new();
    for mut object in configuration::parse(text).map_err(wrong)? {
        about(&mut object, host);
        let object = configuration::sound(object).map_err(wrong)?;
        found.push((configuration::reference(run, &object)?, object));
    }
    Ok(found)
}

fn about(value: &mut Value, host: &Host) {
    match value {
        Value::String(text) if text.contains("$(") => {
            *text = text
                .replace("$(service)", host.name())
                .replace("$(namespace)", host.namespace())
                .replace("$(host)", host.fqdn());
        }
        Value::Array(items) => items.iter_mut().for_each(|item| about(item, host)),
        Value::Object(fields) => fields.values_mut().for_each(|field| about(field, host)),
        _ => {}
    }
}

/// Makes the objects of a file. Answers whether anything had to be changed.
///
/// # Errors
/// `CONFIGURED_ELSEWHERE`; `SUBSET_UNKNOWN`; `SCRIPT` for a file that is none; what reading and changing can end in.
pub fn configure(run: &Run, host: &Host, name: &str, text: &str) -> Result<bool, Failure> {
    let objects = objects(run, host, name, text)?;
    for (reference, _) in &objects {
        refuse_a_second(run, host, reference)?;
    }
    refuse_routes_to_nowhere(run, host, name, &objects)?;
    let mut changed = false;
    for (reference, object) in objects {
        let change = match read::find(run, &reference)? {
            None => Change::creation(reference, format!("create it for {}", host.text()), object),
            Some(before) => {
                let mut after = before.clone();
                merge(&mut after, &object);
                Change::new(reference, format!("set it as {name} says"), before, after)
            }
        };
        changed |= run.change(change)?.is_made();
    }
    Ok(changed)
}

/// The first object that is not as the file says.
///
/// # Errors
/// `SCRIPT` for a file that is none; what every read can end in.
pub fn differing(run: &Run, host: &Host, name: &str, text: &str) -> Result<Option<ObjectRef>, Failure> {
    for (reference, object) in objects(run, host, name, text)? {
        let Some(now) = read::find(run, &reference)? else { return Ok(Some(reference)) };
        let mut after = now.clone();
        merge(&mut after, &object);
        if after != now {
            return Ok(Some(reference));
        }
    }
    Ok(None)
}

/// What of a file is lacking, object by object: of one that is not there all of it, else the sections that it does not
/// have. An object about the host counts under any name.
///
/// # Errors
/// `CONFIGURED_ELSEWHERE` where several are about the host; `SCRIPT` for a file that is none; what every read can end in.
pub fn lacking(run: &Run, host: &Host, name: &str, text: &str) -> Result<Vec<Lacking>, Failure> {
    let mut lacking = Vec::new();
    for (reference, object) in objects(run, host, name, text)? {
        match there(run, host, &reference)? {
            None => lacking.push(Lacking { object: reference, before: None, sections: object }),
            Some((own, before)) => {
                let sections = sections(&object, &before);
                if !sections.is_null() {
                    lacking.push(Lacking { object: own, before: Some(before), sections });
                }
            }
        }
    }
    Ok(lacking)
}

/// What an object lacks of a file.
#[derive(Debug)]
pub struct Lacking {
    /// The object.
    pub object: ObjectRef,
    /// It, if it is there.
    before: Option<Value>,
    /// What is added to it; all of it where it is not there.
    sections: Value,
}

impl Lacking {
    /// `DestinationRule summit/graph-core lacks outlierDetection`.
    pub fn text(&self) -> String {
        if self.before.is_none() {
            return format!("{} is not there", self.object);
        }
        let of = |pointer: &str| self.sections.pointer(pointer).and_then(Value::as_object);
        let inner = of("/spec/trafficPolicy").into_iter().flatten().map(|(key, _)| key.clone());
        let outer = of("/spec").into_iter().flatten().map(|(key, _)| key.clone()).filter(|key| key != POLICY);
        format!("{} lacks {}", self.object, crate::text::and(&outer.chain(inner).collect::<Vec<_>>()))
    }
}

/// Adds what of a file is lacking, and nothing else. Answers whether anything had to be changed.
///
/// # Errors
/// As [`lacking`]; what a change can end in.
pub fn complete(run: &Run, host: &Host, name: &str, text: &str) -> Result<bool, Failure> {
    let mut changed = false;
    for Lacking { object, before, sections } in lacking(run, host, name, text)? {
        let change = match before {
            None => Change::creation(object, format!("create it for {}", host.text()), sections),
            Some(before) => {
                let mut after = before.clone();
                merge(&mut after, &sections);
                Change::new(object, format!("add what it lacks of {name}"), before, after)
            }
        };
        changed |= run.change(change)?.is_made();
    }
    Ok(changed)
}

/// The section of a DestinationRule that is looked into: connection pool, outlier detection and load balancer each have
/// their own author.
const POLICY: &str = "trafficPolicy";

/// The sections of `spec` (and of its `trafficPolicy`) that a file has and an object has not. One that is there stays whole
/// as its author wrote it: half of two connection pools would be nobody's.
fn sections(file: &Value, there: &Value) -> Value {
    let mut lacking = serde_json::Map::new();
    for (key, value) in file.get("spec").and_then(Value::as_object).into_iter().flatten() {
        match (there.pointer("/spec").and_then(|spec| spec.get(key)), value) {
            (None, _) => {
                lacking.insert(key.clone(), value.clone());
            }
            (Some(Value::Object(own)), Value::Object(wanted)) if key == POLICY => {
                let inner: serde_json::Map<_, _> = wanted
                    .iter()
                    .filter(|(key, _)| !own.contains_key(*key))
                    .map(|(key, value)| (key.clone(), value.clone()))
                    .collect();
                if !inner.is_empty() {
                    lacking.insert(key.clone(), Value::Object(inner));
                }
            }
            _ => {}
        }
    }
    if lacking.is_empty() { Value::Null } else { serde_json::json!({ "spec": lacking }) }
}

/// The object of a file as it is there: under its own name, else the one other that is about the host.
fn there(run: &Run, host: &Host, reference: &ObjectRef) -> Result<Option<(ObjectRef, Value)>, Failure> {
    if let Some(own) = read::find(run, reference)? {
        return Ok(Some((reference.clone(), own)));
    }
    let namespace = reference.namespace.as_deref().unwrap_or_default();
    if !ABOUT_HOSTS.contains(&reference.kind.kind.as_str()) {
        return Ok(None);
    }
    let all = read::list(run, reference.kind.clone(), Some(namespace), None)?;
    let mut about: Vec<Value> = all.into_iter().filter(|object| names(object, host, namespace)).collect();
    let name = |object: &Value| object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default().to_owned();
    if about.len() > 1 {
        let those: Vec<String> = about.iter().map(name).collect();
        let kind = &reference.kind.kind;
        let what = format!("{} in {namespace} are about {}: {}", kind, host.text(), crate::text::and(&those));
        return Err(Failure::new(&CONFIGURED_ELSEWHERE, what)
            .unchanged("nothing was changed")
            .hint("make one of them: of two, one counts in part or not at all (`reference/analyze.rhai`)"));
    }
    Ok(about.pop().map(|object| (ObjectRef::new(reference.kind.clone(), namespace, &name(&object)), object)))
}

/// A route of the file to a subset of the host that no DestinationRule defines: its requests would be answered 503.
fn refuse_routes_to_nowhere(run: &Run, host: &Host, name: &str, objects: &[(ObjectRef, Value)]) -> Result<(), Failure> {
    let namespace = host.namespace();
    let list = |object: &Value, pointer: &str| object.pointer(pointer).and_then(Value::as_array).cloned();
    let text = |value: &Value, pointer: &str| value.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let mut asked: Vec<String> = Vec::new();
    for (_, object) in objects.iter().filter(|(reference, _)| reference.kind == kinds::virtual_service()) {
        let routes =
            ["/spec/http", "/spec/tcp", "/spec/tls"].into_iter().filter_map(|part| list(object, part)).flatten();
        for target in routes.filter_map(|route| list(&route, "/route")).flatten() {
            let ours = text(&target, "/destination/host").is_some_and(|named| host.is_named_by(&named, namespace));
            asked.extend(text(&target, "/destination/subset").filter(|_| ours));
        }
    }
    if asked.is_empty() {
        return Ok(());
    }
    let rules = read::list(run, kinds::destination_rule(), Some(namespace), None)?;
    let of_the_file = objects.iter().filter(|(reference, _)| reference.kind == kinds::destination_rule());
    let about = rules.iter().chain(of_the_file.map(|(_, object)| object)).filter(|rule| names(rule, host, namespace));
    let defined: Vec<String> =
        about.filter_map(|rule| list(rule, "/spec/subsets")).flatten().filter_map(|one| text(&one, "/name")).collect();
    match asked.iter().find(|subset| !defined.contains(subset)) {
        None => Ok(()),
        Some(subset) => Err(Failure::new(
            &SUBSET_UNKNOWN,
            format!(
                "{name} sends requests of {} to its subset {subset}, which no DestinationRule in {namespace} defines",
                host.text()
            ),
        )
        .unchanged("nothing was changed")
        .hint(format!(
            "define the subset {subset} in the DestinationRule of {}, or take the route out of the file",
            host.text()
        ))),
    }
}

/// Kinds of which one object is about a host.
const ABOUT_HOSTS: [&str; 2] = ["DestinationRule", "VirtualService"];

/// Two DestinationRules or VirtualServices of one host, and one of them would count in part or not at all.
fn refuse_a_second(run: &Run, host: &Host, reference: &ObjectRef) -> Result<(), Failure> {
    let namespace = reference.namespace.as_deref().unwrap_or_default();
    if !ABOUT_HOSTS.contains(&reference.kind.kind.as_str()) {
        return Ok(());
    }
    let all = read::list(run, reference.kind.clone(), Some(namespace), None)?;
    let other = all.iter().find(|object| {
        let name = object.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
        name != reference.name && names(object, host, namespace)
    });
    match other.and_then(|object| object.pointer("/metadata/name")).and_then(Value::as_str) {
        None => Ok(()),
        Some(name) => Err(Failure::new(
            &CONFIGURED_ELSEWHERE,
            format!(
                "{} {namespace}/{name} is about {} already, under another name than {}",
                reference.kind.kind,
                host.text(),
                reference.name
            ),
        )
        .unchanged("nothing was changed")
        .hint("change that one where it is written, or give the file's object its name")),
    }
}

/// Whether an object is about the host and nothing beside the mesh: a VirtualService of a gateway alone is another matter.
fn names(object: &Value, host: &Host, namespace: &str) -> bool {
    let gateways = object.pointer("/spec/gateways").and_then(Value::as_array);
    if gateways.is_some_and(|gateways| !gateways.iter().any(|gateway| gateway == "mesh")) {
        return false;
    }
    let rule = object.pointer("/spec/host").into_iter();
    let hosts = object.pointer("/spec/hosts").and_then(Value::as_array).into_iter().flatten();
    rule.chain(hosts).filter_map(Value::as_str).any(|named| host.is_named_by(named, namespace))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_section_that_is_there_stays_whole() {
        let file = json!({ "spec": { "host": "a", "trafficPolicy": { "connectionPool": { "tcp": { "maxConnections": 9 } }, "outlierDetection": { "interval": "9s" } } } });
        let of = |there: Value| sections(&file, &json!({ "spec": there }));
        assert_eq!(
            of(json!({ "host": "a.b", "trafficPolicy": { "connectionPool": { "http": {} } } })),
            json!({ "spec": { "trafficPolicy": { "outlierDetection": { "interval": "9s" } } } })
        );
        assert_eq!(of(json!({ "host": "a" })), json!({ "spec": { "trafficPolicy": file["spec"]["trafficPolicy"] } }));
        let whole = json!({ "host": "a", "trafficPolicy": { "connectionPool": {}, "outlierDetection": {} } });
        assert_eq!(of(whole), Value::Null);
    }
}
