//! The other runs of this machine that one has to do with: newer ones that may build on it, and earlier parts of the same work.

use std::path::Path;

use meshbook_runtime::change::undo::{self, Pending, same_object};
use meshbook_runtime::effect::ObjectRef;
use meshbook_runtime::failure::{Failure, UNDO_NEWER};
use meshbook_runtime::record::file;
use meshbook_runtime::record::list::{self, Summary};

use crate::arguments::Target;
use crate::terminal::count;
use crate::{hint, records};

/// So many runs are named.
const NAMED: usize = 5;

/// Refuses to take a run back while newer ones stand that may build on it.
///
/// # Errors
/// [`UNDO_NEWER`] with the newer runs, the newest first.
pub fn hold_order(home: &Path, run: &str, pending: &[Pending], target: &Target) -> Result<(), Failure> {
    let (all, _) = list::list(home)?;
    let Some(place) = all.iter().position(|one| one.id == run) else { return Ok(()) };
    let mut builds = Vec::new();
    for newer in all[..place].iter().filter(|newer| is_same_cluster(newer, &all[place]) && may_stand(newer)) {
        // One that cannot be read is told of by `meshbook runs`.
        let Ok(standing) = file::read(&newer.path).and_then(|lines| undo::pending(&lines)) else { continue };
        if pending
            .iter()
            .any(|older| standing.iter().any(|newer| may_depend(&newer.changing.object, &older.changing.object)))
        {
            builds.push((newer, standing.len()));
        }
    }
    if builds.is_empty() {
        return Ok(());
    }
    let told = builds.iter().take(NAMED).map(|(newer, changes)| {
        format!("{} ({}, {})", records::shortened(&newer.id), newer.started.script, count(*changes, "change"))
    });
    let mut told = told.collect::<Vec<_>>().join(", ");
    if builds.len() > NAMED {
        told.push_str(&format!(" and {} more", builds.len() - NAMED));
    }
    let newest = &builds[0].0.id;
    Err(Failure::new(&UNDO_NEWER, format!("newer runs stand that may build on run {run}: {told}"))
        .unchanged("nothing was taken back")
        .hint(format!(
            "take them back first, the newest first: `{}`; or take this one back all the same: `{} --out-of-order`",
            hint::undo_of(newest, target),
            hint::undo_of(run, target)
        )))
}

/// Earlier runs of the same runbook that were broken off, one before the other without another ending between them: parts of
/// what this one has finished. The newest first.
pub fn earlier_parts(home: &Path, run: &str) -> Vec<String> {
    let Ok((all, _)) = list::list(home) else { return Vec::new() };
    let Some(place) = all.iter().position(|one| one.id == run) else { return Vec::new() };
    let this = &all[place];
    let mut same = all[place + 1..].iter().filter(|one| {
        is_same_cluster(one, this)
            && (&one.started.script, &one.started.namespace) == (&this.started.script, &this.started.namespace)
    });
    let mut parts = Vec::new();
    while let Some(part) = same.next().filter(|part| is_broken_off(part)) {
        let stands = file::read(&part.path).and_then(|lines| undo::pending(&lines)).is_ok_and(|all| !all.is_empty());
        if stands {
            parts.push(part.id.clone());
        }
    }
    parts
}

/// The command lines that take back a run, and then its earlier parts.
pub fn in_turn(this: &str, parts: &[String], target: &Target) -> String {
    let all = std::iter::once(this).chain(parts.iter().map(String::as_str));
    all.map(|run| hint::undo_of(run, target)).collect::<Vec<_>>().join(", then ")
}

fn is_same_cluster(one: &Summary, other: &Summary) -> bool {
    let is_lab = one.started.context.starts_with("lab ");
    !is_lab && (&one.started.context, &one.started.server) == (&other.started.context, &other.started.server)
}

fn may_stand(run: &Summary) -> bool {
    run.ended.as_ref().is_none_or(|ended| !ended.kept.is_empty() || !ended.left_behind.is_empty())
}

fn is_broken_off(run: &Summary) -> bool {
    run.ended.as_ref().is_none_or(|ended| matches!(ended.ending.as_str(), "failed" | "interrupted" | "deadline"))
}

/// Whether a newer change may depend on an older one: of the same object; on what belongs to the whole cluster, as CRDs and
/// webhooks do, or to it in turn; or in a namespace whose own labels the older one has set.
fn may_depend(newer: &ObjectRef, older: &ObjectRef) -> bool {
    if newer.is_file() || older.is_file() {
        return newer == older;
    }
    let is_namespace = |object: &ObjectRef| object.namespace.is_none() && object.kind.kind == "Namespace";
    match (room(newer), room(older)) {
        (None, _) | (_, None) => true,
        (newer_room, older_room) if newer_room != older_room => false,
        _ => is_namespace(newer) || is_namespace(older) || same_object(newer, older),
    }
}

/// The namespace in which a change is felt; `None` for all.
fn room(object: &ObjectRef) -> Option<&str> {
    match &object.namespace {
        None if object.kind.kind == "Namespace" => Some(&object.name),
        namespace => namespace.as_deref(),
    }
}

#[cfg(test)]
mod tests {
    use meshbook_runtime::effect::ResourceKind;

    use super::*;

    fn object(kind: &str, namespace: &str, name: &str) -> ObjectRef {
        let plural = format!("{}s", kind.to_lowercase());
        match namespace {
            "" => ObjectRef::new(ResourceKind::cluster("", "v1", kind, &plural), "", name),
            _ => ObjectRef::new(ResourceKind::namespaced("", "v1", kind, &plural), namespace, name),
        }
    }

    #[test]
    fn what_may_depend_on_what() {
        let (webhook, namespace) = (object("Webhook", "", "injector"), object("Namespace", "", "summit"));
        let (rule, other) = (object("Rule", "summit", "front"), object("Rule", "summit", "back"));
        let elsewhere = object("Rule", "stats", "front");
        assert!(may_depend(&rule, &webhook) && may_depend(&webhook, &rule));
        assert!(may_depend(&rule, &namespace) && may_depend(&namespace, &rule) && may_depend(&namespace, &namespace));
        assert!(may_depend(&rule, &rule) && !may_depend(&rule, &other) && !may_depend(&elsewhere, &rule));
        assert!(!may_depend(&elsewhere, &namespace));
        let file = ObjectRef::file("backup");
        assert!(!may_depend(&file, &webhook) && !may_depend(&webhook, &file) && may_depend(&file, &file));
    }
}
