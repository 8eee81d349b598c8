//! Configurations for server-side apply: what a map or a file says of an object.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::{ObjectRef, ResourceKind};
use meshbook_runtime::failure::{Failure, NOT_FOUND, SCRIPT};
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::change::leaves;
use super::read;
use crate::object::Object;
use crate::text::{first_line, some};

/// What only the server writes, or what would make it unsure which object is meant.
const NOT_OURS: [&str; 6] =
    ["managedFields", "resourceVersion", "uid", "generation", "creationTimestamp", "generateName"];

/// The configurations of a file: YAML with one object or several, `---` between them.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn parse(text: &str) -> Result<Vec<Value>, String> {
    let documents: Vec<Value> =
        serde_saphyr::from_multiple(text).map_err(|error| format!("it is not YAML: {error}"))?;
    let documents: Vec<Value> = documents.into_iter().filter(|document| !document.is_null()).collect();
    if documents.is_empty() {
        return Err("it holds no object".into());
    }
    documents.into_iter().map(sound).collect()
}

/// A configuration that names one object, without fields that are null.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub fn sound(mut configuration: Value) -> Result<Value, String> {
    without_nulls(&mut configuration);
    let text = |pointer: &str| configuration.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    let kind = text("/kind").ok_or("it has no `kind`")?;
    text("/apiVersion").ok_or_else(|| format!("the {kind} has no `apiVersion`"))?;
    if configuration.get("items").is_some() && kind.ends_with("List") {
        return Err(format!("it is a {kind}: write its objects one by one"));
    }
    let name = text("/metadata/name").ok_or_else(|| format!("the {kind} has no `metadata.name`"))?;
    let metadata = configuration.get("metadata").and_then(Value::as_object);
    if let Some(field) = NOT_OURS.iter().find(|field| metadata.is_some_and(|fields| fields.contains_key(**field))) {
        return Err(format!("{kind} {name} sets `metadata.{field}`, which only the API server writes"));
    }
    if configuration.get("status").is_some() {
        return Err(format!("{kind} {name} sets `status`, which only its controller writes"));
    }
    Ok(configuration)
}

fn without_nulls(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|_, field| !field.is_null());
            fields.values_mut().for_each(without_nulls);
        }
        Value::Array(items) => items.iter_mut().for_each(without_nulls),
        _ => {}
    }
}

/// Applies a sound configuration. Answers the object after it.
///
/// # Errors
/// `NOT_FOUND` if the API server does not serve its kind; what reading and changing can end in.
pub fn apply(run: &Run, configuration: Value) -> Result<Object, Failure> {
    let reference = reference(run, &configuration)?;
    let before = read::find(run, &reference)?.unwrap_or(Value::Null);
    let fields: Vec<String> = leaves(&configuration, "").into_iter().filter(|leaf| !is_identity(leaf)).collect();
    let verb = if before.is_null() { "create it by" } else { "apply" };
    let summary = format!("{verb} {}", some(&fields, 3));
    let change = Change::applied(reference.clone(), summary, before, configuration);
    Ok(Object::new(reference, run.change(change)?.object))
}

/// The objects of a file that are not there, in their order.
///
/// # Errors
/// `SCRIPT` for a file that is none; `NOT_FOUND` if the API server does not serve a kind; what reading can end in.
pub fn missing(run: &Run, name: &str, text: &str) -> Result<Vec<(ObjectRef, Value)>, Failure> {
    let configurations = parse(text)
        .map_err(|why| Failure::new(&SCRIPT, format!("resources/{name}: {why}")).unchanged("nothing was changed"))?;
    let mut missing = Vec::new();
    for configuration in configurations {
        let reference = reference(run, &configuration)?;
        if read::find(run, &reference)?.is_none() {
            missing.push((reference, configuration));
        }
    }
    Ok(missing)
}

/// Whether a line of [`leaves`] only says which object it is.
fn is_identity(leaf: &str) -> bool {
    ["apiVersion = ", "kind = ", "metadata.name = ", "metadata.namespace = "].iter().any(|own| leaf.starts_with(own))
}

/// The object that a configuration is about; without a namespace it is the run's.
///
/// # Errors
/// `NOT_FOUND` if the API server does not serve its kind.
pub fn reference(run: &Run, configuration: &Value) -> Result<ObjectRef, Failure> {
    let text = |pointer: &str| configuration.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
    let (kind, api_version) = (text("/kind"), text("/apiVersion"));
    let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
    let qualified = if group.is_empty() { kind.to_owned() } else { format!("{kind}.{group}") };
    let served = read::kind(run, &qualified)?;
    if served.group != group {
        let wrong = format!("the API server serves no {} in {}", first_line(kind), first_line(api_version));
        return Err(Failure::new(&NOT_FOUND, wrong).unchanged("nothing was changed").hint(format!(
            "it serves {} in {}",
            served.kind,
            served.api_version()
        )));
    }
    let kind = ResourceKind { version: version.to_owned(), ..served };
    let namespace = configuration.pointer("/metadata/namespace").and_then(Value::as_str);
    Ok(ObjectRef::new(kind, namespace.unwrap_or(run.namespace()), text("/metadata/name")))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn a_file_holds_one_object_or_several() {
        let one = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\ndata: {x: ~, y: z}\n";
        assert_eq!(
            parse(one).expect("an object"),
            [json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a" }, "data": { "y": "z" } })]
        );
        assert_eq!(parse(&format!("---\n{one}---\n{one}---\n")).expect("two objects").len(), 2);
        assert_eq!(parse("# nothing\n").expect_err("no object"), "it holds no object");
        assert!(parse("a: [").expect_err("no YAML").starts_with("it is not YAML"));
    }

    #[test]
    fn what_names_no_object_or_sets_what_is_the_servers_is_refused() {
        let of = |metadata: Value| json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata });
        for (configuration, why) in [
            (json!("text"), "it has no `kind`"),
            (json!({ "kind": "ConfigMap" }), "has no `apiVersion`"),
            (of(json!({})), "has no `metadata.name`"),
            (of(json!({ "name": "a", "resourceVersion": "1" })), "sets `metadata.resourceVersion`"),
            (of(json!({ "name": "a", "managedFields": [] })), "sets `metadata.managedFields`"),
            (json!({ "apiVersion": "v1", "kind": "List", "items": [] }), "write its objects one by one"),
        ] {
            let refused = sound(configuration).expect_err(why);
            assert!(refused.contains(why), "{refused} says {why}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "[\\[\\]{}:,\"a-z0-9 \n-]{0,60}") {
            let _ = parse(&text);
        }
    }
}
