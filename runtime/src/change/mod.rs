//! How a change is computed, shown, approved, sent, proved, and taken back.

mod apply;
mod creation;
mod deletion;
pub mod diff;
pub mod field;
mod going;
pub mod levels;
pub(crate) mod many;
pub mod ownership;
pub mod patch;
pub(crate) mod road;
pub mod rollout;
pub(crate) mod send;
#[cfg(test)]
#[allow(clippy::unwrap_used)] // A test that cannot be set up has to fail.
mod tests;
pub mod undo;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::effect::{Class, LogLevels, ObjectRef};
use crate::record::event::First;

/// Name under which meshbook owns the fields that it sets.
pub const FIELD_MANAGER: &str = "meshbook";

/// A change that a primitive wants: the object as it was read for the decision, and as it shall be.
///
/// The road computes the patch from the two, tries it on the server, shows the difference, asks, records the
/// pre-image, sends it with `metadata.resourceVersion` of `before` as its precondition, and reads back.
#[derive(Clone, Debug)]
pub struct Change {
    /// Which object.
    pub object: ObjectRef,
    /// One line: `raise connectionPool.http.http2MaxRequests to 500`.
    pub summary: String,
    /// `change`, or `irreversible` with its reason in the primitive's descriptor.
    pub class: Class,
    /// Why it cannot be taken back, if it cannot.
    pub irreversible: Option<&'static str>,
    /// The object as it was read; null if it does not exist and is to be created.
    pub before: Value,
    /// The object as it shall be.
    pub after: Value,
    /// Whether the primitive itself designates the object, and no script can choose it, such as the Service of the control
    /// plane: then it may lie outside of the run's namespaces. `docs/decisions/0007` says why.
    pub designated: bool,
    /// Where the "object" is the log levels of a process: which. `None` is an object of Kubernetes.
    pub levels: Option<LogLevels>,
    /// Where it is a server-side apply: the configuration, which names every field that our field manager wants of the
    /// object and no other. `docs/decisions/0010` says how it differs from a merge patch.
    pub apply: Option<Value>,
    /// Whether it creates an object that never outlives what it is made for: see [`crate::run::Run::briefly`].
    pub(crate) fleeting: bool,
    /// What has to be set back before this change is: see [`First`].
    pub first: Option<Box<First>>,
    /// Of a creation: the ends of the paths of fields that the cluster's controllers go on writing in the object. They do not
    /// make it somebody else's: taken back, it is deleted all the same.
    pub left_to_others: &'static [&'static str],
    /// Of the creation of a namespace: the field managers of processes that run in it. What they alone have written there goes
    /// with it; what others have put into it keeps it from being deleted.
    pub companions: &'static [&'static str],
}

impl Change {
    /// A change that can be taken back, of an object in the run's namespaces.
    pub fn new(object: ObjectRef, summary: String, before: Value, after: Value) -> Self {
        Change {
            object,
            summary,
            class: Class::Change,
            irreversible: None,
            before,
            after,
            designated: false,
            levels: None,
            apply: None,
            fleeting: false,
            first: None,
            left_to_others: &[],
            companions: &[],
        }
    }

    /// A change of the log levels of a process in a pod. `docs/decisions/0009` says how it differs from one of an object.
    pub fn of_levels(of: LogLevels, summary: String, before: Value, after: Value) -> Self {
        Change { levels: Some(of.clone()), ..Change::new(of.object(), summary, before, after) }
    }

    /// The creation of an object that does not exist: taken back, it is deleted.
    pub fn creation(object: ObjectRef, summary: String, after: Value) -> Self {
        Change::new(object, summary, Value::Null, after)
    }

    /// The deletion of an object as it was read: taken back, it is made anew.
    pub fn deletion(object: ObjectRef, summary: String, before: Value) -> Self {
        Change::new(object, summary, before, Value::Null)
    }

    /// The same of a change that, taken back, has its effect only after another object is as `desired`: pods that are made
    /// anew follow the labels that their namespace has then. `present` is that object as it is while the change stands.
    /// `docs/decisions/0019` says why.
    #[must_use]
    pub fn after_setting_back(self, object: ObjectRef, present: &Value, desired: Value) -> Self {
        let fields = diff::fields(&desired, present);
        if fields.is_empty() {
            return self;
        }
        Change { first: Some(Box::new(First { object, fields, pre_image: desired })), ..self }
    }

    /// Whether it deletes its object.
    pub fn deletes(&self) -> bool {
        self.after.is_null() && !self.before.is_null()
    }

    /// A server-side apply of a configuration; if the object is not there, its creation.
    pub fn applied(object: ObjectRef, summary: String, before: Value, configuration: Value) -> Self {
        let mut after = before.clone();
        patch::apply(&mut after, &configuration);
        Change { apply: Some(configuration), ..Change::new(object, summary, before, after) }
    }

    /// A change that cannot be taken back, and why.
    #[must_use]
    pub fn irreversible(self, why: &'static str) -> Self {
        Change { class: Class::Irreversible, irreversible: Some(why), ..self }
    }

    /// The same, of a creation, with fields that controllers go on writing, by the ends of their paths.
    #[must_use]
    pub fn left_to_others(self, fields: &'static [&'static str]) -> Self {
        Change { left_to_others: fields, ..self }
    }

    /// The same, of the creation of a namespace, with the field managers of processes that run in it.
    #[must_use]
    pub fn with_companions(self, managers: &'static [&'static str]) -> Self {
        Change { companions: managers, ..self }
    }

    /// The same of an object that the primitive itself designates.
    #[must_use]
    pub fn designated(self) -> Self {
        Change { designated: true, ..self }
    }
}

/// One field that a change sets, in the form in which people and records name it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FieldChange {
    /// Where.
    pub path: field::Path,
    /// What it was; `None` if it was absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Value>,
    /// What it becomes; `None` if it goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Value>,
}

impl FieldChange {
    /// Whether an object has the field as the change sets it.
    pub fn stands_in(&self, object: &Value) -> bool {
        diff::present(field::get(object, &self.path)) == self.after.as_ref()
    }

    /// Whether an object has the field as it was before the change.
    pub fn is_before_in(&self, object: &Value) -> bool {
        diff::present(field::get(object, &self.path)) == self.before.as_ref()
    }
}

/// What came of a change.
#[derive(Clone, Debug)]
pub struct Changed {
    /// Its number in the record; `None` if nothing had to be changed.
    pub number: Option<u64>,
    /// The object after it: read back, or from the dry run if the run is a plan.
    pub object: Value,
    /// The fields that differ.
    pub fields: Vec<FieldChange>,
}

impl Changed {
    /// Whether anything had to be changed.
    pub fn is_made(&self) -> bool {
        self.number.is_some()
    }
}
