//! A world file as a document: reading it, changing a value by path, checking what types cannot say.

use serde_json::Value;

use super::{Spec, WorldError};
use crate::crd::Catalog;

/// Reads TOML, and the YAML documents within `objects`, into one JSON document.
pub(super) fn read(text: &str) -> Result<Value, WorldError> {
    let table: toml::Table = toml::from_str(text).map_err(|e| WorldError::Toml(e.to_string()))?;
    let mut document = serde_json::to_value(table).map_err(|e| WorldError::Toml(e.to_string()))?;
    if let Some(yaml) = document.get("objects").and_then(Value::as_str) {
        let objects = read_yaml(yaml)?;
        document["objects"] = Value::Array(objects);
    }
    Ok(document)
}

fn read_yaml(text: &str) -> Result<Vec<Value>, WorldError> {
    let mut objects = Vec::new();
    for part in text.split("\n---") {
        if part.trim().is_empty() {
            continue;
        }
        let object: Value = serde_saphyr::from_str(part).map_err(|e| WorldError::Objects(e.to_string()))?;
        objects.push(object);
    }
    Ok(objects)
}

/// Replaces the value at `path`. The error says which part is missing and what exists there.
pub(super) fn set(document: &mut Value, path: &str, value: Value) -> Result<(), String> {
    let parts = split(path)?;
    let Some((last, parents)) = parts.split_last() else {
        return Err("the path is empty".into());
    };
    let mut place = document;
    for part in parents {
        // A struct that the file leaves out has its defaults; a list must exist.
        if let Value::Object(map) = place
            && !map.contains_key(part)
        {
            map.insert(part.clone(), Value::Object(serde_json::Map::new()));
        }
        let known = children(place);
        place = child(place, part).ok_or_else(|| format!("no \"{part}\" there; there is: {known}"))?;
    }
    match place {
        Value::Object(map) => {
            map.insert(last.clone(), value);
            Ok(())
        }
        Value::Array(list) if last.parse() == Ok(list.len()) => {
            list.push(value);
            Ok(())
        }
        Value::Array(_) => {
            let known = children(place);
            let member = child(place, last).ok_or_else(|| format!("no \"{last}\" there; there is: {known}"))?;
            *member = value;
            Ok(())
        }
        _ => Err(format!("\"{last}\" cannot be set within a plain value")),
    }
}

fn split(path: &str) -> Result<Vec<String>, String> {
    let mut parts = Vec::new();
    let mut part = String::new();
    let mut quoted = false;
    for c in path.chars() {
        match c {
            '"' => quoted = !quoted,
            '.' if !quoted => parts.push(std::mem::take(&mut part)),
            _ => part.push(c),
        }
    }
    parts.push(part);
    if quoted || parts.iter().any(String::is_empty) {
        return Err("a part of it is empty, or a quote is not closed".into());
    }
    Ok(parts)
}

fn child<'a>(value: &'a mut Value, part: &str) -> Option<&'a mut Value> {
    match value {
        Value::Object(map) => map.get_mut(part),
        Value::Array(list) => {
            let index = part.parse().ok().or_else(|| list.iter().position(|member| answers_to(member, part)))?;
            list.get_mut(index)
        }
        _ => None,
    }
}

fn answers_to(member: &Value, part: &str) -> bool {
    names(member).iter().any(|name| name == part)
}

fn names(member: &Value) -> Vec<String> {
    let name = member["metadata"]["name"].as_str().or(member["name"].as_str()).or(member["from"].as_str());
    match (member["kind"].as_str(), name) {
        (Some(kind), Some(name)) => vec![format!("{kind}/{name}"), name.to_owned()],
        (None, Some(name)) => vec![name.to_owned()],
        _ => Vec::new(),
    }
}

fn children(value: &Value) -> String {
    let names: Vec<String> = match value {
        Value::Object(map) => map.keys().cloned().collect(),
        Value::Array(list) => list.iter().filter_map(|member| names(member).into_iter().next()).collect(),
        _ => Vec::new(),
    };
    if names.is_empty() { "nothing".into() } else { names.join(", ") }
}

/// What the types cannot say: names that must exist, one kind of load for each stream.
pub(super) fn check(spec: &Spec) -> Result<(), WorldError> {
    let earlier = spec.faults.control_plane.earlier.iter().map(|change| &change.object);
    for object in spec.objects.iter().chain(earlier) {
        let given = |path: &str| object.pointer(path).and_then(Value::as_str).is_some_and(|text| !text.is_empty());
        for (path, name) in [("/apiVersion", "apiVersion"), ("/kind", "kind"), ("/metadata/name", "metadata.name")] {
            if !given(path) {
                let text: String = object.to_string().chars().take(80).collect();
                return Err(WorldError::Objects(format!("an object has no {name}: {text}")));
            }
        }
        let text = |key: &str| object[key].as_str().unwrap_or_default();
        if !Catalog::get().by_kind(text("apiVersion"), text("kind")).is_some_and(|kind| kind.is_stored()) {
            return Err(WorldError::Objects(format!(
                "the lab serves no kind {} of {}: {}",
                text("kind"),
                text("apiVersion"),
                object["metadata"]["name"]
            )));
        }
    }
    if let Err(why) = crate::mesh::prometheus::rules::parse(&spec.telemetry.rules) {
        return Err(WorldError::Field(format!("telemetry.rules: {why}")));
    }
    for traffic in &spec.traffic {
        let namespace = traffic.from_namespace.as_deref().unwrap_or(&spec.namespace);
        let known = spec.workload.iter().any(|workload| {
            workload.name == traffic.from && workload.namespace.as_deref().unwrap_or(&spec.namespace) == namespace
        });
        if !known && !super::gateway::is_gateway(spec, namespace, &traffic.from) {
            return Err(WorldError::Field(format!(
                "traffic comes from \"{}\", but there is no workload \"{}\" in namespace \"{namespace}\"",
                traffic.from, traffic.from
            )));
        }
        if traffic.rate.is_some() == traffic.concurrency.is_some() {
            return Err(WorldError::Field(format!(
                "traffic from \"{}\" to \"{}\" needs either rate or concurrency",
                traffic.from, traffic.to
            )));
        }
        if traffic.to.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).is_none() {
            return Err(WorldError::Field(format!("traffic to \"{}\": write host:port", traffic.to)));
        }
    }
    for workload in &spec.workload {
        if let Some(call) = workload
            .calls
            .iter()
            .find(|call| call.to.rsplit_once(':').and_then(|(_, port)| port.parse::<u16>().ok()).is_none())
        {
            return Err(WorldError::Field(format!("\"{}\" calls \"{}\": write host:port", workload.name, call.to)));
        }
        if workload.cpu.is_some_and(|cpu| !(1..1000).contains(&cpu.milli)) {
            return Err(WorldError::Field(format!(
                "the CPU limit of \"{}\" must be from 1 to 999 thousandths of a core",
                workload.name
            )));
        }
    }
    for owner in &spec.faults.gitops {
        let owns = |object: &&serde_json::Value| {
            let text = |key: &str| object[key].as_str().unwrap_or_default();
            let kind = Catalog::get().by_kind(text("apiVersion"), text("kind"));
            kind.is_some_and(|kind| kind.group == owner.group && kind.plural == owner.resource)
                && object["metadata"]["name"] == owner.name.as_str()
        };
        if !spec.objects.iter().any(|object| owns(&object)) {
            return Err(WorldError::Field(format!(
                "a GitOps controller owns {} \"{}\", which is not among the objects",
                owner.resource, owner.name
            )));
        }
    }
    for fault in &spec.faults.proxy {
        if !spec.workload.iter().any(|workload| workload.name == fault.workload && fault.pod < workload.replicas) {
            return Err(WorldError::Field(format!(
                "a fault names pod {} of \"{}\", which is not there",
                fault.pod, fault.workload
            )));
        }
    }
    Ok(())
}
