//! Reviewed files about a host: `$(service)`, `$(namespace)` and `$(host)` in their texts stand for it.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{Failure, SCRIPT};
use meshbook_runtime::noun::Noun;
use meshbook_runtime::run::Run;
use serde_json::Value;

use crate::code::CONFIGURED_ELSEWHERE;
use crate::host::Host;
use crate::kubernetes::{configuration, read};
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
/// `CONFIGURED_ELSEWHERE`; `SCRIPT` for a file that is none; what reading and changing can end in.
pub fn configure(run: &Run, host: &Host, name: &str, text: &str) -> Result<bool, Failure> {
    let objects = objects(run, host, name, text)?;
    for (reference, _) in &objects {
        refuse_a_second(run, host, reference)?;
    }
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

/// Two DestinationRules or VirtualServices of one host, and one of them would count in part or not at all.
fn refuse_a_second(run: &Run, host: &Host, reference: &ObjectRef) -> Result<(), Failure> {
    let namespace = reference.namespace.as_deref().unwrap_or_default();
    if !["DestinationRule", "VirtualService"].contains(&reference.kind.kind.as_str()) {
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
