//! What the API server says of a CustomResourceDefinition that somebody has made: that its names are accepted, and that it is
//! served.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::second;
use crate::crd::Catalog;
use crate::store::Store;

const GROUP: &str = "apiextensions.k8s.io";
const PLURAL: &str = "customresourcedefinitions";

/// Establishes new definitions. One of a kind that the lab does not know is accepted, and never served.
pub fn reconcile(store: &Store, now: Timestamp) {
    for definition in store.list(GROUP, PLURAL, None) {
        if definition["status"]["conditions"].is_array() {
            continue;
        }
        let (spec, name) = (&definition["spec"], definition["metadata"]["name"].as_str().unwrap_or_default());
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let known = Catalog::get().by_plural(&text(&spec["group"]), &text(&spec["names"]["plural"])).is_some();
        let condition = |kind: &str, is: bool, reason: &str, message: &str| json!({"type": kind, "status": if is { "True" } else { "False" }, "reason": reason, "message": message, "lastTransitionTime": second(now)});
        let established = match known {
            true => condition("Established", true, "InitialNamesAccepted", "the initial names have been accepted"),
            false => condition("Established", false, "NotInTheLab", "the lab does not serve this kind"),
        };
        let stored: Vec<Value> = spec["versions"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|version| version["storage"] == true)
            .map(|version| version["name"].clone())
            .collect();
        let accepted = condition("NamesAccepted", true, "NoConflicts", "no conflicts found");
        let status =
            json!({"acceptedNames": spec["names"], "conditions": [accepted, established], "storedVersions": stored});
        store.put_status(GROUP, PLURAL, "", name, status, "kube-apiserver");
    }
}
