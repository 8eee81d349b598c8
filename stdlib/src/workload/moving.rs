//! How a workload moves to a revision, and how a namespace does.

use std::collections::BTreeMap;

use meshbook_runtime::change::Change;
use meshbook_runtime::failure::Failure;
use meshbook_runtime::run::Run;
use serde_json::json;

use super::Workload;
use super::rollout::{RESTARTED_AT, no_rollout};
use crate::code::{NO_INJECTOR, NO_ROLLOUT};
use crate::control_plane::selector::Labels;
use crate::kubernetes::{kinds, read};
use crate::object::convert::merge;
use crate::proxy::pod::PodFacts;
use crate::revision::gather::{mutating, of_pod};
use crate::revision::{Revision, labels};

/// Sets the label by which a namespace's new pods get their sidecar from a revision, and removes the other, in one patch.
/// Answers whether anything had to be changed.
///
/// # Errors
/// `NO_INJECTOR` if no webhook would inject them from it; what a change can end in.
pub fn label(run: &Run, namespace: &str, revision: &Revision) -> Result<bool, Failure> {
    let object = labels::object(namespace);
    if namespace == revision.root() {
        return Err(Failure::new(
            &NO_INJECTOR,
            format!("{object} is istiod's own: its pods have to start while nothing injects"),
        )
        .unchanged(format!("{object} was not changed"))
        .hint("gateways and what needs a sidecar belong into a namespace of their own: -n NAMESPACE"));
    }
    let before = read::get(run, &object)?;
    let name = revision.name()?;
    let Some(chosen) = labels::leading_to(&mutating(run)?, &before, name, revision.label()) else {
        return Err(Failure::new(
            &NO_INJECTOR,
            format!("no label of {object} would give its pods a sidecar from revision {name}"),
        )
        .unchanged(format!("{object} was not changed"))
        .hint("`meshbook run upgrade/canary-verify` says what its webhooks lack"));
    };
    let after = labels::with(&before, &chosen);
    let summary =
        format!("new pods get their sidecar from revision {name}: {}, and no other label", labels::text(&chosen));
    Ok(run.change(Change::new(object, summary, before, after).designated())?.is_made())
}

/// Replaces the pods of a workload, so that they get their sidecar from a revision. Taken back, they are made once more.
///
/// # Errors
/// `NO_INJECTOR` if the namespace's label does not lead to the revision; `NO_ROLLOUT`; what a change can end in.
pub fn replace(run: &Run, work: &Workload, revision: &Revision, label: Label) -> Result<(), Failure> {
    let object = work.object();
    let (name, before) = (revision.name()?, read::get(run, object)?);
    let refused = |code, why: String| Failure::new(code, why).unchanged(format!("{object} was not changed"));
    if let Some(why) = no_rollout(&before) {
        return Err(refused(&NO_ROLLOUT, format!("{object} would not replace its pods: {why}"))
            .hint("let its rollout go on first, or replace its pods yourself after the namespace's label was set"));
    }
    let place = labels::object(object.namespace.as_deref().unwrap_or_default());
    let (namespace, mutating) = (read::get(run, &place)?, mutating(run)?);
    let template = crate::proxy::pod::strings(before.pointer("/spec/template/metadata/labels"));
    let leads = labels::injector(&mutating, &labels::choosing(&namespace), &template);
    if leads != Some(name) {
        let by = leads.map_or_else(|| "no revision".to_owned(), |other| format!("revision {other}"));
        return Err(refused(
            &NO_INJECTOR,
            format!("new pods of {object} would get their sidecar from {by}, not from {name}"),
        )
        .hint("set the namespace's label first: namespace().label_for(revision)"));
    }
    let now = run.now()?.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let mut after = before.clone();
    merge(&mut after, &json!({ "spec": { "template": { "metadata": { "annotations": { RESTARTED_AT: now } } } } }));
    let from = former(run, work, name)?;
    let old = match &from {
        Former::Revision(old) => format!(" from {old}"),
        Former::NoSidecar => " from no sidecar".into(),
        Former::Same => String::new(),
    };
    let summary = format!("move{old} to revision {name}: its pods are replaced one after the other");
    let mut change = Change::new(object.clone(), summary, before, after);
    let back = match &from {
        Former::Revision(old) => labels::leading_to(&mutating, &namespace, old, old),
        Former::NoSidecar => Some(Labels::new()),
        Former::Same => None,
    };
    let is_own = run.has_changed(&place);
    if let Some(back) = back.filter(|_| is_own || label == Label::Follows) {
        let desired = labels::with(&namespace, &back);
        if !is_own {
            // To take it back changes what an earlier run has set: that has to be approved as well.
            run.hold_approved([object, &place].into_iter())?;
        }
        change = change.after_setting_back(place, &namespace, desired);
    }
    run.change(change)?;
    Ok(())
}

/// What becomes of the namespace's label when a move is taken back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// It goes back first, so that the pods that are made once more get the sidecar that they had.
    Follows,
    /// The same of a label that the run itself has set; another one stays, and they get theirs from the revision again.
    Own,
}

/// Where the pods of a workload come from.
#[derive(Debug, PartialEq)]
enum Former {
    /// Most of those that are not on the revision are on this one.
    Revision(String),
    /// None has a sidecar.
    NoSidecar,
    /// All with a sidecar are on the revision already, or there are none.
    Same,
}

fn former(run: &Run, work: &Workload, revision: &str) -> Result<Former, Failure> {
    let pods = read::list(run, kinds::pod(), work.object().namespace.as_deref(), None)?;
    let own = pods.iter().filter(|pod| PodFacts::of(pod).workload == work.object().name);
    Ok(among(own.map(of_pod), revision))
}

/// Of the revisions of a workload's pods; nothing for one without a sidecar.
fn among(pods: impl Iterator<Item = Option<String>>, revision: &str) -> Former {
    let (mut counted, mut all, mut bare) = (BTreeMap::<String, usize>::new(), 0, 0);
    for pod in pods {
        all += 1;
        match pod {
            None => bare += 1,
            Some(other) if other != revision => *counted.entry(other).or_default() += 1,
            Some(_) => {}
        }
    }
    match counted.into_iter().max_by_key(|(_, pods)| *pods) {
        Some((other, _)) => Former::Revision(other),
        None if all > 0 && all == bare => Former::NoSidecar,
        None => Former::Same,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_workload_without_any_sidecar_goes_back_to_none() {
        let of = |pods: &[&str]| among(pods.iter().map(|one| (!one.is_empty()).then(|| (*one).to_owned())), "1-31");
        assert_eq!(of(&["1-30", "", "1-31", "1-30"]), Former::Revision("1-30".into()));
        assert_eq!(of(&["", ""]), Former::NoSidecar);
        assert_eq!(of(&["", "1-31"]), Former::Same);
        assert_eq!(of(&[]), Former::Same);
    }
}
