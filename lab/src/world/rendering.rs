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
    let mut objects: Vec<Value> = definitions().collect();
    objects.extend(recorded);
    objects
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

/// The same with values of `meshConfig` in the mesh configuration: `meshConfig.accessLogFile=/dev/stdout`.
///
/// # Errors
/// A value of anything else, of which there is no recording.
pub fn with_values(mut objects: Vec<Value>, values: &[&str]) -> Result<Vec<Value>, String> {
    for value in values {
        let setting = value.split_once('=').and_then(|(path, value)| Some((path.strip_prefix("meshConfig.")?, value)));
        let Some((field, setting)) = setting.filter(|(field, _)| !field.is_empty() && !field.contains(['.', '[']))
        else {
            return Err(format!("the lab has no rendering with {value}: it knows fields of meshConfig"));
        };
        for map in objects.iter_mut().filter(|object| object["kind"] == "ConfigMap") {
            let Some(mesh) = map["data"]["mesh"].as_str() else { continue };
            let prefix = format!("{field}:");
            let kept: Vec<&str> = mesh.lines().filter(|line| !line.starts_with(&prefix)).collect();
            map["data"]["mesh"] = json!(format!("{field}: {setting}\n{}", kept.join("\n")));
        }
    }
    Ok(objects)
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

    #[test]
    fn a_value_of_the_mesh_configuration_stands_in_it_and_no_other_is_taken() {
        let with = with_values(rendered("default", true), &["meshConfig.accessLogFile=/dev/stdout"]).unwrap();
        let map = with.iter().find(|object| object["data"]["mesh"].is_string()).unwrap();
        assert!(map["data"]["mesh"].as_str().unwrap().contains("accessLogFile: /dev/stdout\n"));
        assert!(with_values(with, &["values.pilot.cpu=1"]).is_err());
    }
}
