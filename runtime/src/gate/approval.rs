//! What a person has approved before the run: `--approve KIND[/NAME][=COUNT]`.

use std::str::FromStr;

use crate::effect::ObjectRef;
use crate::failure::{DENIED, Failure};
use crate::record::event::Changing;
use crate::run::held::Held;
use crate::run::{Answer, Approver, Order, Run};

/// Changes of one kind of object, or of one object, that need no asking.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Approval {
    /// Kind, in lower case: `destinationrule`. `*` is any kind: rehearsals approve so, nobody can on the command line.
    pub kind: String,
    /// Only the object of this name. What cannot be taken back, and what GitOps owns, has to be named.
    pub name: Option<String>,
    /// At most so many changes; `None` is any number.
    pub count: Option<u64>,
}

impl FromStr for Approval {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = |why: &str| {
            format!("`{text}` is not an approval: {why}; write for example deployment, deployment=2, deployment/front")
        };
        let (object, count) = match text.split_once('=') {
            Some((object, count)) => (
                object,
                Some(
                    count
                        .parse()
                        .ok()
                        .filter(|count| *count > 0)
                        .ok_or_else(|| wrong("the count is not a whole number above 0"))?,
                ),
            ),
            None => (text, None),
        };
        let (kind, name) = match object.split_once('/') {
            Some((kind, name)) => (kind, Some(name)),
            None => (object, None),
        };
        if kind.is_empty() || !kind.chars().all(|c| c.is_ascii_alphanumeric() || c == '-') {
            return Err(wrong("the kind is missing or not a kind"));
        }
        if name.is_some_and(|name| {
            name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || "-._:".contains(c))
        }) {
            return Err(wrong("the name is not a name"));
        }
        Ok(Approval { kind: kind.to_ascii_lowercase(), name: name.map(Into::into), count })
    }
}

/// The approvals of a run, and how often each was used.
pub(crate) struct Approvals(Held<Vec<(Approval, u64)>>);

/// Whether an approval covers a change.
enum Covered {
    Yes,
    /// Some fit, but all were used up; this is what they allowed.
    UsedUp(Approval),
    No,
}

impl Approvals {
    pub(crate) fn new(approvals: &[Approval]) -> Self {
        Approvals(Held::new(approvals.iter().map(|approval| (approval.clone(), 0)).collect()))
    }

    /// Whether all of several changes are approved, if they are made one after the other. Uses none of the approvals.
    pub(crate) fn hold<'a>(&self, objects: impl Iterator<Item = &'a ObjectRef>) -> Result<(), Failure> {
        let trial = Approvals(Held::new(self.0.lock().clone()));
        for object in objects {
            let covered = trial.take(object, false);
            if !matches!(covered, Covered::Yes) {
                return Err(uncovered(object, covered));
            }
        }
        Ok(())
    }

    /// Uses one of the approvals that fit an object, those that name it first.
    fn take(&self, object: &ObjectRef, has_to_be_named: bool) -> Covered {
        let mut approvals = self.0.lock();
        let kind = object.kind.kind.to_ascii_lowercase();
        let fits = |approval: &Approval| {
            (approval.kind == "*" || approval.kind == kind || approval.kind == object.kind.plural)
                && approval.name.as_ref().map_or(!has_to_be_named, |name| *name == object.name)
        };
        let mut fitting: Vec<_> = approvals.iter_mut().filter(|(approval, _)| fits(approval)).collect();
        fitting.sort_by_key(|(approval, _)| approval.name.is_none());
        match fitting.iter_mut().find(|(approval, used)| approval.count.is_none_or(|count| *used < count)) {
            Some((_, used)) => {
                *used += 1;
                Covered::Yes
            }
            None => fitting.first().map_or(Covered::No, |(approval, _)| Covered::UsedUp(approval.clone())),
        }
    }
}

/// Gets a change approved: by an approval given beforehand, else by asking a person, else not.
///
/// What cannot be taken back and what GitOps owns is covered only by an approval that names the object.
pub(crate) fn approve(run: &Run, proposal: &Changing) -> Result<(), Failure> {
    let object = &proposal.object;
    let has_to_be_named = proposal.irreversible.is_some() || proposal.gitops.is_some();
    let covered = run.gate.approvals.take(object, has_to_be_named);
    if let Covered::Yes = covered {
        return Ok(());
    }
    if let Some(approver) = run.approver() {
        return ask(run, approver, proposal, has_to_be_named);
    }
    if let Some(owner) = &proposal.gitops {
        return Err(super::gitops::refusal(proposal, owner));
    }
    match (covered, &proposal.irreversible) {
        (Covered::No, Some(why)) => {
            Err(denied(object, &format!("the change cannot be taken back ({why}), so the object has to be named"))
                .hint(format!("add `--approve {}/{}`", object.kind.kind.to_ascii_lowercase(), object.name)))
        }
        (covered, _) => Err(uncovered(object, covered)),
    }
}

/// Why a change may not be made that no approval covers.
fn uncovered(object: &ObjectRef, covered: Covered) -> Failure {
    let kind = object.kind.kind.to_ascii_lowercase();
    match covered {
        Covered::UsedUp(used) => {
            let count = used.count.unwrap_or_default();
            let name = used.name.map(|name| format!("/{name}")).unwrap_or_default();
            denied(object, &format!("`--approve {kind}{name}={count}` is used up")).hint(format!(
                "approve more: `--approve {kind}{name}={}`, after you have seen what the first changed",
                count + 1
            ))
        }
        Covered::Yes | Covered::No => denied(object, "nobody has approved it, and there is no terminal to ask at")
            .hint(format!("add `--approve {kind}`")),
    }
}

fn ask(run: &Run, approver: &dyn Approver, proposal: &Changing, has_to_be_asked: bool) -> Result<(), Failure> {
    if !has_to_be_asked && run.ledger.lock().steps.iter().any(|step| step.approved) {
        return Ok(());
    }
    let object = &proposal.object;
    let answer = approver.ask(run, proposal);
    let what = if run.ledger.lock().typed { "this input" } else { "the run" };
    match answer {
        Answer::Yes => Ok(()),
        Answer::RestOfStep => {
            if let Some(step) = run.ledger.lock().steps.last_mut() {
                step.approved = true;
            }
            Ok(())
        }
        Answer::No => {
            Err(denied(object, "you answered no").hint(format!("what {what} has changed and not proved is taken back")))
        }
        Answer::Stop => {
            run.ledger.lock().order = Some(Order::LeaveAll);
            Err(denied(object, &format!("you stopped {what}"))
                .hint(format!("what it has changed stays; `meshbook undo {}` takes it back", run.id())))
        }
        Answer::UndoSoFar => {
            run.ledger.lock().order = Some(Order::TakeBackAll);
            Err(denied(object, "you asked to undo so far")
                .hint(format!("everything that {what} has changed is taken back")))
        }
    }
}

fn denied(object: &ObjectRef, why: &str) -> Failure {
    Failure::new(&DENIED, format!("{object} was not changed: {why}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn approval(kind: &str, name: Option<&str>, count: Option<u64>) -> Approval {
        Approval { kind: kind.into(), name: name.map(Into::into), count }
    }

    #[test]
    fn every_form_is_read_and_others_are_refused() {
        assert_eq!("DestinationRule".parse(), Ok(approval("destinationrule", None, None)));
        assert_eq!("deployment/front=2".parse(), Ok(approval("deployment", Some("front"), Some(2))));
        for wrong in ["", "=2", "/x", "rule/", "rule=0", "rule=x", "rule=-1", "a b", "rule/../x y", "*"] {
            assert!(wrong.parse::<Approval>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_are_used_before_kinds_and_counts_run_out() {
        let rule = crate::run::fake::rule("graph-core");
        let approvals = Approvals::new(&[
            approval("destinationrule", None, Some(1)),
            approval("destinationrules", Some("graph-core"), Some(1)),
        ]);
        assert!(matches!(approvals.take(&rule, true), Covered::Yes));
        assert!(matches!(approvals.take(&rule, true), Covered::UsedUp(_)));
        assert!(matches!(approvals.take(&rule, false), Covered::Yes));
        assert!(matches!(approvals.take(&rule, false), Covered::UsedUp(_)));
        let others =
            Approvals::new(&[approval("virtualservice", None, None), approval("destinationrule", Some("other"), None)]);
        assert!(matches!(others.take(&rule, false), Covered::No));
    }

    #[test]
    fn several_changes_are_held_against_the_approvals_without_using_them() {
        let rule = crate::run::fake::rule("graph-core");
        let approvals = Approvals::new(&[approval("destinationrule", None, Some(2))]);
        approvals.hold([&rule, &rule].into_iter()).expect("two are approved");
        let third = approvals.hold([&rule, &rule, &rule].into_iter()).expect_err("a third is not");
        assert!(third.message.contains("used up"), "{third}");
        assert!(matches!(approvals.take(&rule, false), Covered::Yes), "nothing was used by asking");
        assert!(approvals.hold([&rule, &rule].into_iter()).is_err(), "one is used");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in ".{0,20}") {
            let _ = text.parse::<Approval>();
        }
    }
}
