//! Objects that a cluster is to have, held against those that it has; made so part by part, each proved before the next.
//!
//! A restoration and an installation are both this. They differ in where the objects come from, in their order, and in when
//! an object counts as the one that is wanted: [`Rule`].

pub mod rendered;
pub mod works;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use meshbook_runtime::change::{Change, Changed};
use meshbook_runtime::effect::{Call, Class, Effect, ObjectRef, ResourceKind};
use meshbook_runtime::failure::{CONFLICT, FORBIDDEN, Failure, REJECTED};
use meshbook_runtime::run::Run;
use meshbook_runtime::value::{Document, Table};
use serde_json::{Value, json};

use crate::backup::clean;
use crate::kubernetes::read;
use crate::text::{count, reason};

/// So many objects are read and changed one by one, so that a person can read along. Of more, their kinds are listed, and
/// they are changed side by side.
const FEW: usize = 64;

/// How many changes are prepared at once.
const AT_ONCE: usize = 1024;

/// When an object is the one that is wanted, and how it becomes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// All that people have written is as it was kept, and nothing else.
    Kept,
    /// Every field that was rendered is there, and the object works as far as its kind shows it. What servers, controllers and
    /// other people have added stays.
    Rendered,
}

impl Rule {
    fn is_same(self, now: &Value, wanted: &Value) -> bool {
        match self {
            Rule::Kept => clean::is_same(now, wanted),
            Rule::Rendered => rendered::is_in(now, wanted),
        }
    }

    fn made(self, now: &Value, wanted: &Value) -> Value {
        match self {
            Rule::Kept => clean::restored(now, wanted),
            Rule::Rendered => rendered::laid_over(now, wanted),
        }
    }

    /// What an object that is as it is wanted still lacks.
    fn lacks(self, now: &Value) -> Option<String> {
        match self {
            Rule::Kept => None,
            Rule::Rendered => works::lacking(now),
        }
    }

    /// Where what is wanted comes from, as the end of a sentence.
    fn source(self) -> &'static str {
        match self {
            Rule::Kept => "as the backup has it",
            Rule::Rendered => "as it was rendered",
        }
    }

    fn is_otherwise(self) -> &'static str {
        match self {
            Rule::Kept => "not as in the backup",
            Rule::Rendered => "not as rendered",
        }
    }

    /// What a person calls it to make an object so.
    fn verb(self) -> &'static str {
        match self {
            Rule::Kept => "restore it",
            Rule::Rendered => "make it",
        }
    }

    /// The fields that others write into a new object, and that therefore do not make it theirs.
    fn left_to_others(self, wanted: &ObjectRef) -> &'static [&'static str] {
        match self {
            Rule::Kept => &[],
            Rule::Rendered => of_controllers(&wanted.kind.group),
        }
    }
}

/// The fields that controllers go on writing into new objects of an API group.
pub fn of_controllers(group: &str) -> &'static [&'static str] {
    match group {
        "admissionregistration.k8s.io" => works::OF_ISTIOD,
        // The API server's own, by which it deletes the objects of a kind before the kind goes.
        "apiextensions.k8s.io" => &["metadata.finalizers"],
        // An autoscaler's.
        "apps" => &["spec.replicas"],
        _ => &[],
    }
}

/// The processes of Istio that write objects of their own into a new namespace, by their field managers: istiod its root
/// certificate, its elections and its own authority.
pub fn companions(created: &ObjectRef) -> &'static [&'static str] {
    if created.namespace.is_none() && created.kind.kind == "Namespace" { &["pilot-discovery"] } else { &[] }
}

/// One object that is not as it is wanted.
#[derive(Clone, Debug)]
pub struct Differing {
    reference: ObjectRef,
    wanted: Document,
    state: State,
}

/// In what it differs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum State {
    Absent,
    Otherwise,
    /// It is as it is wanted, and does not work yet.
    Lacking(String),
}

impl State {
    fn text(&self) -> &str {
        match self {
            State::Absent => "not there",
            State::Otherwise => "otherwise",
            State::Lacking(what) => what,
        }
    }
}

/// The objects of one kind that differ.
#[derive(Clone, Debug)]
pub struct Part(Arc<PartInner>);

#[derive(Debug)]
struct PartInner {
    rule: Rule,
    kind: String,
    objects: Vec<Differing>,
}

/// Holds one object against the one that is wanted; `None` if it is that.
pub fn differing(rule: Rule, reference: ObjectRef, wanted: &Document, now: Option<Value>) -> Option<Differing> {
    let state = state(rule, &reference, wanted, now)?;
    Some(Differing { reference, wanted: wanted.clone(), state })
}

fn state(rule: Rule, reference: &ObjectRef, wanted: &Document, now: Option<Value>) -> Option<State> {
    match now.map(|now| read::named(now, &reference.kind)) {
        None => Some(State::Absent),
        Some(now) if !rule.is_same(&now, &wanted.value()) => Some(State::Otherwise),
        Some(now) => rule.lacks(&now).map(State::Lacking),
    }
}

/// Objects that differ, kind by kind, in the order in which they stand.
pub fn parts(rule: Rule, objects: Vec<Differing>) -> Vec<Part> {
    let mut parts: Vec<PartInner> = Vec::new();
    for one in objects {
        let title = one.reference.kind.kind.clone();
        match parts.last_mut().filter(|part| part.kind == title) {
            Some(part) => part.objects.push(one),
            None => parts.push(PartInner { rule, kind: title, objects: vec![one] }),
        }
    }
    parts.into_iter().map(|part| Part(Arc::new(part))).collect()
}

/// A table of the objects that differ. Of kinds with very many of them the rest is counted: nobody reads thousands.
pub fn table(title: String, parts: &[Part], notes: &[String]) -> Table {
    let mut table = if parts.is_empty() { Table::line(title) } else { Table::new(title, &["OBJECT", "IS"]) };
    for part in parts {
        for one in part.0.objects.iter().take(FEW) {
            table.row([one.reference.to_string(), one.state.text().to_owned()]);
        }
        let mut others: Vec<(&str, usize)> = Vec::new();
        for state in part.0.objects.iter().skip(FEW).map(|one| one.state.text()) {
            match others.iter_mut().find(|(other, _)| *other == state) {
                Some((_, number)) => *number += 1,
                None => others.push((state, 1)),
            }
        }
        for (state, number) in others {
            table.row([format!("{} of kind {}", count(number, "more", "more"), part.0.kind), state.to_owned()]);
        }
    }
    table.notes.extend(notes.iter().cloned());
    table
}

impl Part {
    /// How many objects it has.
    pub fn len(&self) -> usize {
        self.0.objects.len()
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.objects.is_empty()
    }

    /// Makes its objects as they are wanted: what is not there is created, what is so by now is left alone. Answers whether
    /// anything had to be changed.
    ///
    /// # Errors
    /// What reading and changing can end in.
    pub fn make(&self, run: &Run) -> Result<bool, Failure> {
        let mut changed = false;
        if self.len() <= FEW {
            for one in &self.0.objects {
                if let Some(change) = self.change(one, read::find(run, &one.reference)?) {
                    changed |= run.change(change)?.is_made();
                }
            }
            return Ok(changed);
        }
        let mut now = self.listed(run)?;
        for some in self.0.objects.chunks(AT_ONCE) {
            let changes = some.iter().filter_map(|one| self.change(one, now.remove(&one.reference))).collect();
            changed |= run.change_all(changes)?.iter().any(Changed::is_made);
        }
        Ok(changed)
    }

    /// What has to be done so that an object is as it is wanted.
    fn change(&self, one: &Differing, now: Option<Value>) -> Option<Change> {
        let (rule, wanted) = (self.0.rule, one.wanted.value());
        let change = match now.map(|now| read::named(now, &one.reference.kind)) {
            Some(now) if rule.is_same(&now, &wanted) => return None,
            Some(now) => {
                let after = rule.made(&now, &wanted);
                Change::new(one.reference.clone(), format!("{} {}", rule.verb(), rule.source()), now, after)
            }
            None => {
                let summary = format!("create it {}", rule.source());
                Change::creation(one.reference.clone(), summary, wanted)
                    .left_to_others(rule.left_to_others(&one.reference))
                    .with_companions(companions(&one.reference))
            }
        };
        Some(change.designated())
    }

    /// All that is there of its kinds.
    fn listed(&self, run: &Run) -> Result<HashMap<ObjectRef, Value>, Failure> {
        let kinds: BTreeSet<&ResourceKind> = self.0.objects.iter().map(|one| &one.reference.kind).collect();
        let mut all = HashMap::new();
        for kind in kinds {
            all.extend(read::by_reference(run, kind, None)?);
        }
        Ok(all)
    }

    /// The first object that is there, is otherwise than wanted, and that the API server would not let become it, with its
    /// reason. What is not there yet may lie in a namespace that is not there either, so its creation is not tried.
    ///
    /// # Errors
    /// What every read can end in, but for a refusal, which is the answer.
    pub fn first_refused(&self, run: &Run) -> Result<Option<String>, Failure> {
        let mut trials = Vec::new();
        let otherwise: Vec<&Differing> = self.0.objects.iter().filter(|one| one.state == State::Otherwise).collect();
        let found = read::find_all(run, otherwise.iter().map(|one| one.reference.clone()).collect())?;
        for (one, (_, now)) in otherwise.into_iter().zip(found) {
            let Some(now) = now else { continue };
            let mut patch = self.0.rule.made(&now, &one.wanted.value());
            if let Some(fields) = patch.as_object_mut() {
                fields.shift_remove("status");
            }
            if let Some(metadata) = patch.get_mut("metadata").and_then(Value::as_object_mut) {
                metadata.retain(|key, _| matches!(key.as_str(), "labels" | "annotations"));
            }
            trials.push(Effect {
                class: Class::Probe,
                target: one.reference.to_string(),
                summary: format!("could it be {}? (dry run)", self.0.rule.source()),
                call: Call::TryPatch { object: one.reference.clone(), patch },
            });
        }
        for answer in run.read_all(trials) {
            match answer {
                Ok(_) => {}
                Err(failure) if failure.is(&REJECTED) || failure.is(&FORBIDDEN) || failure.is(&CONFLICT) => {
                    return Ok(Some(reason(&failure.message)));
                }
                Err(failure) => return Err(failure),
            }
        }
        Ok(None)
    }

    /// The first object that is not as it is wanted, or does not work yet, and what it lacks; `None` if all are and do.
    ///
    /// # Errors
    /// What every read can end in.
    pub fn first_lacking(&self, run: &Run) -> Result<Option<String>, Failure> {
        let rule = self.0.rule;
        let mut listed = if self.len() > FEW { Some(self.listed(run)?) } else { None };
        for one in &self.0.objects {
            let now = match &mut listed {
                Some(listed) => listed.remove(&one.reference),
                None => read::find(run, &one.reference)?,
            };
            let Some(state) = state(rule, &one.reference, &one.wanted, now) else { continue };
            let lacks = if state == State::Otherwise { rule.is_otherwise() } else { state.text() };
            return Ok(Some(format!("{} is {lacks}", one.reference)));
        }
        Ok(None)
    }

    /// How it reads in a sentence.
    pub fn text(&self) -> String {
        match self.0.objects.as_slice() {
            [one] => one.reference.to_string(),
            many => count(many.len(), "object", &format!("objects of kind {}", self.0.kind)),
        }
    }

    /// How it stands in the record.
    pub fn json(&self) -> Value {
        let one = |one: &Differing| json!({ "object": one.reference.to_string(), "absent": one.state == State::Absent, "is": one.state.text() });
        json!(self.0.objects.iter().map(one).collect::<Vec<_>>())
    }
}
