//! What `istioctl manifest generate` of Istio 1.31.0 renders: recorded, but for the CustomResourceDefinitions, which the lab
//! has already.
//!
//! `lab/testdata/istio/manifest/*.json` holds the objects of the profile `minimal` with `values.defaultRevision` set to the
//! revision, and with the images of the release: without a revision, and of a revision whose name is a placeholder. A test of
//! the real mesh holds them against istioctl.

use serde_json::{Value, json};

use crate::crd::Catalog;

/// The version of the recordings.
pub const VERSION: &str = "1.31.0";
/// The profile of the recordings.
pub const PROFILE: &str = "minimal";
/// What stands in the place of the revision.
const PLACEHOLDER: &str = "meshbook-placeholder";

const DEFAULT: &str = include_str!("../../testdata/istio/manifest/minimal.json");
const REVISION: &str = include_str!("../../testdata/istio/manifest/minimal-revision.json");

/// The objects of an installation, definitions first. `first` says whether it is the one that checks objects without a revision.
pub fn rendered(revision: &str, first: bool) -> Vec<Value> {
    let mut objects: Vec<Value> = definitions().collect();
    objects.extend(of_revision(revision, first));
    objects
}

/// The same without the definitions.
pub fn of_revision(revision: &str, first: bool) -> Vec<Value> {
    let text = match revision {
        "default" => DEFAULT.to_owned(),
        other => REVISION.replace(PLACEHOLDER, other),
    };
    let mut recorded: Vec<Value> = serde_json::from_str(&text).expect("the recorded objects are JSON");
    if !first {
        recorded.retain(|object| object["metadata"]["name"] != "istiod-default-validator");
        // The values that were rendered with stand in a ConfigMap, for people to look at.
        let texts = recorded
            .iter_mut()
            .filter_map(|object| object.get_mut("data").and_then(Value::as_object_mut))
            .flat_map(|data| data.values_mut());
        for value in texts {
            let told = format!("\"defaultRevision\": \"{revision}\"");
            if let Some(text) = value.as_str().filter(|text| text.contains(&told)) {
                *value = json!(text.replace(&told, "\"defaultRevision\": \"\""));
            }
        }
    }
    recorded
}

/// The definitions of Istio's kinds.
fn definitions() -> impl Iterator<Item = Value> {
    let own =
        |definition: &&Value| definition["spec"]["group"].as_str().is_some_and(|group| group.ends_with(".istio.io"));
    Catalog::get().definitions().iter().filter(own).map(|definition| {
        let mut definition = definition.clone();
        if let Some(fields) = definition.as_object_mut() {
            fields.remove("status");
        }
        definition
    })
}

/// The same with further values: a file of them (an IstioOperator, empty for none), and single ones,
/// `meshConfig.accessLogFile=/dev/stdout`, which go before those of the file.
///
/// # Errors
/// A value of which there is no recording: only those of `meshConfig` are known, and the names in `values.global`.
pub fn with_values(mut objects: Vec<Value>, file: &str, values: &[&str]) -> Result<Vec<Value>, String> {
    let mut wanted = match file {
        "" => json!({}),
        file => spec_of(file)?,
    };
    for value in values {
        let (path, setting) = value.split_once('=').ok_or_else(|| unknown(value))?;
        let mut inner: Value = serde_saphyr::from_str(setting).unwrap_or_else(|_| setting.into());
        for key in path.rsplit('.') {
            if key.is_empty() || key.contains('[') {
                return Err(unknown(value));
            }
            inner = json!({ key: inner });
        }
        lay(&mut wanted, &inner);
    }
    if wanted == json!({}) {
        return Ok(objects);
    }
    let (mesh, global) = (&wanted["meshConfig"], &wanted["values"]["global"]);
    only(&wanted, "", &["meshConfig", "values"])?;
    only(&wanted["values"], "values.", &["global"])?;
    only(global, "values.global.", &["meshID", "multiCluster", "network"])?;
    only(&global["multiCluster"], "values.global.multiCluster.", &["clusterName"])?;
    for object in &mut objects {
        if let Some(text) = object.pointer_mut("/data/mesh") {
            let mut merged: Value =
                text.as_str().and_then(|text| serde_saphyr::from_str(text).ok()).unwrap_or_default();
            if let Some(name) = global.get("meshID") {
                lay(&mut merged, &json!({ "defaultConfig": { "meshId": name } }));
            }
            lay(&mut merged, mesh);
            // As Go writes maps.
            merged.sort_all_objects();
            *text = serde_saphyr::to_string(&merged).map_err(|error| error.to_string())?.trim_end().into();
        }
        for (place, with) in [
            ("/data/values", json!({ "global": global })),
            ("/data/merged-values", json!({ "global": global, "meshConfig": mesh })),
            ("/data/original-values", json!({ "global": global, "meshConfig": mesh })),
        ] {
            let Some(text) = object.pointer_mut(place) else { continue };
            let mut merged: Value = text.as_str().and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default();
            lay(&mut merged, &with);
            merged.sort_all_objects();
            *text = serde_json::to_string_pretty(&merged).map_err(|error| error.to_string())?.into();
        }
        if let Some(name) = global["multiCluster"].get("clusterName")
            && let Some(containers) = object.pointer_mut("/spec/template/spec/containers").and_then(Value::as_array_mut)
        {
            let environments = containers.iter_mut().filter_map(|container| container["env"].as_array_mut()).flatten();
            environments
                .filter(|variable| variable["name"] == "CLUSTER_ID")
                .for_each(|variable| variable["value"] = name.clone());
        }
    }
    Ok(objects)
}

fn spec_of(file: &str) -> Result<Value, String> {
    let mut file: Value =
        serde_saphyr::from_str(file).map_err(|error| format!("the file of values is not YAML: {error}"))?;
    if file["kind"] != "IstioOperator" {
        return Err("the file of values is no IstioOperator".into());
    }
    Ok(file["spec"].take())
}

fn unknown(what: &str) -> String {
    format!(
        "it has no rendering with {what}: it knows fields of meshConfig, and of values.global meshID, network and multiCluster.clusterName"
    )
}

/// Refuses fields of which there is no recording.
fn only(value: &Value, path: &str, known: &[&str]) -> Result<(), String> {
    let mut keys = value.as_object().into_iter().flat_map(serde_json::Map::keys);
    match keys.find(|key| !known.contains(&key.as_str())) {
        Some(key) => Err(unknown(&format!("{path}{key}"))),
        None => Ok(()),
    }
}

/// Lays values over others: maps are merged, everything else is replaced. What is null says nothing.
fn lay(over: &mut Value, wanted: &Value) {
    match (&mut *over, wanted) {
        (_, Value::Null) => {}
        (Value::Object(fields), Value::Object(wanted)) => {
            for (key, wanted) in wanted.iter().filter(|(_, wanted)| !wanted.is_null()) {
                lay(fields.entry(key.clone()).or_insert(Value::Null), wanted);
            }
        }
        (over, wanted) => *over = wanted.clone(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a panic is a failed test")]
    use super::*;

    fn names(objects: &[Value], kind: &str) -> Vec<String> {
        let of = objects.iter().filter(|object| object["kind"] == kind);
        of.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn a_revision_has_its_name_in_every_place() {
        let canary = rendered("canary", false);
        assert_eq!(names(&canary, "Deployment"), ["istiod-canary"]);
        assert_eq!(names(&canary, "MutatingWebhookConfiguration"), ["istio-sidecar-injector-canary"]);
        assert!(!json!(canary).to_string().contains(PLACEHOLDER));
        let first = rendered("default", true);
        assert!(names(&first, "ValidatingWebhookConfiguration").contains(&"istiod-default-validator".to_owned()));
        assert_eq!(names(&first, "CustomResourceDefinition").len(), 15);
    }

    #[test]
    fn every_object_is_of_a_kind_that_the_lab_serves() {
        for object in rendered("default", true).iter().chain(&rendered("canary", true)) {
            let (version, kind) = (object["apiVersion"].as_str().unwrap(), object["kind"].as_str().unwrap());
            assert!(Catalog::get().by_kind(version, kind).is_some(), "{version} {kind}");
        }
    }

    const FILE: &str = "kind: IstioOperator\nspec:\n  meshConfig: {enableTracing: true, extensionProviders: [{name: spans}]}\n  values: {global: {meshID: one, multiCluster: {clusterName: first}}}\n";

    #[test]
    fn values_stand_in_every_place_where_istioctl_writes_them() {
        let set = ["meshConfig.accessLogFile=/dev/stdout", "meshConfig.enableTracing=false"];
        let with = with_values(rendered("default", true), FILE, &set).unwrap();
        let data = |name: &str, key: &str| {
            let map = with.iter().find(|object| object["kind"] == "ConfigMap" && object["metadata"]["name"] == name);
            map.unwrap()["data"][key].as_str().unwrap().to_owned()
        };
        let mesh: Value = serde_saphyr::from_str(&data("istio", "mesh")).unwrap();
        assert_eq!(mesh["accessLogFile"], "/dev/stdout");
        assert_eq!(mesh["enableTracing"], false, "single values go before those of the file");
        assert_eq!(mesh["extensionProviders"][0]["name"], "spans");
        assert_eq!(
            mesh["defaultConfig"],
            json!({ "discoveryAddress": "istiod.istio-system.svc:15012", "meshId": "one" })
        );
        let injector: Value = serde_json::from_str(&data("istio-sidecar-injector", "values")).unwrap();
        assert_eq!(injector["global"]["multiCluster"]["clusterName"], "first");
        assert!(json!(with).to_string().contains(r#"{"name":"CLUSTER_ID","value":"first"}"#));
    }

    #[test]
    fn a_value_without_a_recording_is_refused_by_its_name() {
        let refused = |file: &str, values: &[&str]| with_values(rendered("default", true), file, values).unwrap_err();
        assert!(refused("", &["values.pilot.cpu=1"]).contains("values.pilot"));
        assert!(refused("kind: IstioOperator\nspec: {components: {}}", &[]).contains("components"));
        assert!(refused("kind: ConfigMap", &[]).contains("no IstioOperator"));
        assert!(refused("a: [", &[]).contains("not YAML"));
    }
}
