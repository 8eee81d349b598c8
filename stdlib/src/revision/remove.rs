//! What a revision leaves in a cluster, and how it is removed: first what calls its istiods, then they.

use meshbook_runtime::change::Change;
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::Value;

use super::labels::REVISION;
use super::{Revision, label, service_of};
use crate::code::REVISION_IN_USE;
use crate::control_plane::istiod::Istiod;
use crate::control_plane::selector::Labels;
use crate::dependents;
use crate::kubernetes::{kinds, read};
use crate::revision::{gather, labels, objects};

/// Deletes what an installation makes for a revision. Answers whether there was anything.
///
/// # Errors
/// `REVISION_IN_USE` while somebody depends on it or it is the default; `NO_DATA` if that is not known; what a change can
/// end in.
pub fn remove(run: &Run, revision: &Revision) -> Result<bool, Failure> {
    // What a removal that was broken off has left has no istiod, and nobody depends on it.
    revision.seen()?;
    let name = revision.removable_name();
    let is_left = revision.name().ok() != Some(name);
    let refused = |why: String, hint: &str| {
        Failure::new(&REVISION_IN_USE, why)
            .unchanged(format!("nothing of revision {name} was removed"))
            .hint(hint.to_owned())
    };
    if !is_left {
        let dependents = dependents::of(revision)?;
        if !dependents.is_empty()? {
            let why = meshbook_runtime::noun::Noun::text(&dependents);
            return Err(refused(why, "move what depends on it first: upgrade/promote.rhai"));
        }
    }
    let mutating = gather::mutating(run)?;
    let enabled = Labels::from([(labels::INJECTION.to_owned(), "enabled".to_owned())]);
    if labels::injector(&mutating, &enabled, &Labels::new()) == Some(name) {
        return Err(refused(
            format!("revision {name} is the default: istio-injection=enabled leads to it"),
            "make another revision the default first: revision(\"…\").make_default()",
        ));
    }
    let own = |object: &&Value| {
        let calls =
            |one: &Value| one.pointer("/clientConfig/service/name").and_then(Value::as_str) == Some(&service_of(name));
        let webhooks = object.get("webhooks").and_then(Value::as_array);
        label(object, REVISION) == Some(name)
            && label(object, "istio.io/tag").is_none()
            && webhooks.is_some_and(|all| !all.is_empty() && all.iter().all(calls))
    };
    let validating = read::list(run, kinds::validating_webhooks(), None, None)?;
    let mut going = Vec::new();
    for (kind, all) in [(kinds::mutating_webhooks(), &mutating), (kinds::validating_webhooks(), &validating)] {
        going.extend(all.iter().filter(own).map(|configuration| {
            let called = configuration.pointer("/metadata/name").and_then(Value::as_str).unwrap_or_default();
            ObjectRef::new(kind.clone(), "", called)
        }));
    }
    going.extend(objects::removable(name, revision.root()));
    let going = read::find_all(run, going)?;
    let going: Vec<_> = going.into_iter().filter_map(|(object, now)| Some((object, now?))).collect();
    // Half a control plane serves nobody: all of it is approved, or none of it goes.
    run.hold_approved(going.iter().map(|(object, _)| object))?;
    let mut removed = false;
    for (object, before) in going {
        let summary = "nothing depends on its revision any more".to_owned();
        removed |= run.change(Change::deletion(object, summary, before).designated())?.is_made();
    }
    Ok(removed)
}

/// What is still there of a revision, in words; empty if nothing is: istiods that end, and what [`objects::removable`] names.
///
/// # Errors
/// What every read of the API server can end in.
pub fn remains(run: &Run, revision: &Revision) -> Result<Vec<String>, Failure> {
    let name = revision.removable_name();
    let pods = read::list(run, kinds::pod(), Some(revision.root()), Some("app=istiod"))?;
    let istiods = pods.iter().map(Istiod::of).filter(|istiod| istiod.revision == name);
    let mut remains: Vec<String> = istiods.map(|istiod| format!("{} is still there", istiod.pod)).collect();
    let objects = read::find_all(run, objects::removable(name, revision.root()))?;
    let there = objects.iter().filter(|(_, now)| now.is_some());
    remains.extend(there.map(|(object, _)| format!("{object} is still there")));
    Ok(remains)
}
