//! What git owns is changed in git.

use serde_json::{Value, json};

use crate::change::patch;
use crate::failure::{Failure, GITOPS};
use crate::record::event::Changing;

/// The refusal of a change to an object that a GitOps controller owns, with the change as YAML for git.
pub(crate) fn refusal(proposal: &Changing, owner: &str) -> Failure {
    let object = &proposal.object;
    let name = format!("{}/{}", object.kind.kind.to_ascii_lowercase(), object.name);
    Failure::new(&GITOPS, format!("{object} is owned by {owner}, which would revert the change")).hint(format!(
        "make this change in git:\n{}\nor, to change the object all the same, name it: `--approve {name}`",
        for_git(proposal)
    ))
}

/// The part of the object that the change sets, as YAML.
fn for_git(proposal: &Changing) -> String {
    let object = &proposal.object;
    let mut part = json!({
        "apiVersion": object.kind.api_version(),
        "kind": object.kind.kind,
        "metadata": { "name": object.name },
    });
    if let Some(namespace) = &object.namespace {
        part["metadata"]["namespace"] = json!(namespace);
    }
    let mut change = proposal.patch.clone();
    if let Some(metadata) = change.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.shift_remove("resourceVersion");
    }
    patch::apply(&mut part, &change);
    serde_saphyr::to_string(&part).unwrap_or_else(|_| part.to_string())
}
