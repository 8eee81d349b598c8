//! The events of a run: lines of its record, and what a reporter shows as they happen.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::change::FieldChange;
use crate::effect::{Class, Effect, LogLevels, ObjectRef, Reply};
use crate::failure::Exit;
use crate::value::Table;

/// One line of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// Its number in the record, from 0 without gaps.
    pub number: u64,
    /// When, by the run's clock.
    pub at: Timestamp,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// What happened in a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It began.
    Started(Box<Started>),
    /// A person typed an input at the prompt.
    Input {
        /// Its number, from 1: `<input 3>` is its name among the sources.
        input: u64,
        /// What was typed.
        text: String,
    },
    /// The input was carried out.
    InputEnded {
        /// Its number.
        input: u64,
        /// How long it took, by the run's clock.
        took: Duration,
        /// Code and message of its failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<(String, String)>,
    },
    /// A step began.
    StepStarted {
        /// Its title.
        title: String,
        /// How many steps it lies in.
        depth: usize,
    },
    /// A step ended.
    StepEnded {
        /// Its title.
        title: String,
        /// How many steps it lies in.
        depth: usize,
        /// How long it took, by the run's clock.
        took: Duration,
        /// Whether it ended well.
        passed: bool,
    },
    /// A read or a probe, with its answer.
    Looked {
        /// The effect.
        effect: Effect,
        /// The context that was asked, where it is the second one and not the run's own.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        beside: Option<Box<str>>,
        /// The ordinal of the primitive's call, and the place within it: parallel answers arrive in any order.
        ordinal: (u64, u64),
        /// Its answer; `None` if it failed.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply: Option<Reply>,
        /// Code and message of its failure.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<(String, String)>,
        /// How long it took on the wall clock.
        took: Duration,
    },
    /// The script showed a value.
    Shown {
        /// As a table.
        table: Table,
        /// As JSON.
        value: Value,
    },
    /// A `check` was made.
    Checked {
        /// What it is about.
        what: String,
        /// Whether it passed.
        passed: bool,
        /// What was seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
    },
    /// A `wait` or `hold` ended, or was looked at before the first change of its step.
    Proved {
        /// `wait` or `hold`.
        word: String,
        /// Its condition, as the script writes it.
        condition: String,
        /// What came of it.
        outcome: ProofOutcome,
        /// What was last seen.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        seen: Option<String>,
        /// How long it took, by the run's clock.
        took: Duration,
    },
    /// A change is about to be sent: flushed to disk before it is.
    Changing(Box<Changing>),
    /// The change was answered: flushed to disk.
    ChangeAnswered {
        /// The line number of its [`Event::Changing`].
        change: u64,
        /// What came of it.
        outcome: ChangeOutcome,
    },
    /// In a plan: a change that would be made.
    Planned(Box<Changing>),
    /// In a plan: what cannot be said because it depends on the mesh's answer.
    NotEvaluated {
        /// What.
        what: String,
    },
    /// Changes were proved and stay.
    Settled {
        /// Their line numbers.
        changes: Vec<u64>,
    },
    /// A change is about to be taken back: flushed to disk before it is.
    TakingBack {
        /// The line number of its [`Event::Changing`].
        change: u64,
        /// Why.
        why: String,
    },
    /// What came of taking it back.
    TakenBack {
        /// The line number of its [`Event::Changing`].
        change: u64,
        /// What came of it.
        outcome: UndoOutcome,
    },
    /// A later process begins to take the run's changes back. What follows is its work, up to its own `Ended`.
    Undoing {
        /// The user on that machine.
        user: String,
        /// That machine.
        machine: String,
    },
    /// Something that a person should know and that does not stop the run.
    Warning {
        /// What.
        message: String,
    },
    /// Fields of an object that the run itself has not changed are about to be set back with one of its changes.
    SettingBack {
        /// Number of the change.
        change: u64,
        /// Which object.
        object: ObjectRef,
        /// Its fields: what they shall be as `before`, what they are as `after`.
        fields: Vec<FieldChange>,
    },
    /// It ended.
    Ended(Box<Ended>),
}

/// Who runs what, where.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Started {
    /// Version of the record's format.
    pub format: u32,
    /// The run's id (ULID).
    pub run: String,
    /// The user on this machine.
    pub user: String,
    /// This machine.
    pub machine: String,
    /// The kubeconfig context, or `lab WORLD`.
    pub context: String,
    /// The API server's address.
    pub server: String,
    /// The namespace of the run.
    pub namespace: String,
    /// `ask`, `unattended`, `plan`.
    pub mode: String,
    /// Path of the script.
    pub script: String,
    /// SHA-256 of the script and of every module that it imports.
    pub hash: String,
    /// Parameters, secrets redacted.
    pub params: BTreeMap<String, Value>,
    /// Meshbook's version.
    pub version: String,
    /// The second cluster that it reads, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub second: Option<Beside>,
}

/// A second cluster that a run reads beside its own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Beside {
    /// The kubeconfig context, or `lab WORLD`.
    pub context: String,
    /// The API server's address.
    pub server: String,
    /// The namespace in which names are looked up there.
    pub namespace: String,
}

/// A change, complete enough to be taken back from here.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Changing {
    /// Which object.
    pub object: ObjectRef,
    /// One line.
    pub summary: String,
    /// Its class.
    pub class: Class,
    /// Fields that differ: what the inverse sets back.
    pub fields: Vec<FieldChange>,
    /// The object before it; null if the change creates it.
    pub pre_image: Value,
    /// The patch that is sent, or the object that is created.
    pub patch: Value,
    /// Why it cannot be taken back, if it cannot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub irreversible: Option<String>,
    /// Which GitOps controller owns the object, if one does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gitops: Option<String>,
    /// False in a plan without permission to write: the server was not asked.
    pub validated: bool,
    /// Where the object is the log levels of a process: which. The patch names the loggers that change then.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub levels: Option<LogLevels>,
    /// Where the patch is the configuration of a server-side apply: whether it is forced. It only ever is to take over
    /// what our own field manager has set by another kind of request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub apply: Option<bool>,
    /// Whether it creates an object that never outlives what it is made for, such as a throw-away pod: it is deleted
    /// whatever the cluster has written into it since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub fleeting: bool,
    /// What has to be set back before this change is, such as the labels of a namespace before its pods are made anew.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first: Option<Box<First>>,
    /// Whether it deletes its object: its inverse makes it anew from the pre-image.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub deletes: bool,
    /// Of a creation: the ends of the paths of fields that controllers go on writing in the object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left_to_others: Vec<String>,
    /// Of the creation of a namespace: the field managers of processes that run in it, whose objects go with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub companions: Vec<String>,
}

/// Fields of another object that have to be as they were before a change is taken back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct First {
    /// Which object.
    pub object: ObjectRef,
    /// The fields: what they shall be as `before`, what they are while the change stands as `after`.
    pub fields: Vec<FieldChange>,
    /// The object as it shall be.
    pub pre_image: Value,
}

impl Changing {
    /// Whether it creates its object, so that its inverse is a deletion.
    pub fn creates(&self) -> bool {
        self.pre_image.is_null()
    }

    /// What it does, in a word.
    pub fn verb(&self) -> &'static str {
        match (self.creates(), self.deletes) {
            (true, _) => "create",
            (_, true) => "delete",
            _ => "change",
        }
    }
}

/// What came of a change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum ChangeOutcome {
    /// It was made.
    Made {
        /// The object after it.
        post_image: Value,
    },
    /// It was refused, or did not arrive: nothing changed.
    NotMade {
        /// Code and message.
        failure: (String, String),
    },
    /// Nobody knows: the answer was lost and looking did not settle it.
    Unknown {
        /// Code and message.
        failure: (String, String),
    },
}

/// What came of taking a change back.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum UndoOutcome {
    /// Every field is as before.
    Restored {
        /// Whether `metadata.managedFields` is as before too.
        ownership: bool,
    },
    /// The object that the change had created is deleted.
    Deleted,
    /// The object that the change had deleted is made anew.
    Recreated,
    /// It was as before already.
    Already,
    /// Somebody else changed these fields since: left alone.
    Conflict {
        /// Each with what the run had set and what is there now.
        fields: Vec<UndoConflict>,
        /// The change's other fields: these are as before.
        #[serde(default)]
        restored: Vec<crate::change::field::Path>,
    },
    /// An older change that a conflict depends on: left alone.
    LeftAlone {
        /// Why.
        why: String,
    },
    /// It could not be done.
    Failed {
        /// Code and message.
        failure: (String, String),
    },
}

impl UndoOutcome {
    /// Whether the object is as before the change.
    pub fn is_clean(&self) -> bool {
        matches!(
            self,
            UndoOutcome::Restored { .. } | UndoOutcome::Deleted | UndoOutcome::Recreated | UndoOutcome::Already
        )
    }
}

impl fmt::Display for UndoOutcome {
    /// One line for people, without the object's name.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            UndoOutcome::Restored { ownership: true } => f.write_str("taken back, field ownership included"),
            UndoOutcome::Restored { ownership: false } => {
                f.write_str("taken back; the fields that were set back are owned by meshbook now")
            }
            UndoOutcome::Deleted => f.write_str("deleted again: it did not exist before"),
            UndoOutcome::Recreated => f.write_str("made anew as it was, under another uid"),
            UndoOutcome::Already => f.write_str("it was as before already"),
            UndoOutcome::Conflict { fields, .. } => {
                f.write_str("somebody else has changed ")?;
                for (place, field) in fields.iter().enumerate() {
                    let comma = if place == 0 { "" } else { ", " };
                    let by = field.by.as_deref().map(|by| format!(" (by {by})")).unwrap_or_default();
                    let theirs = field.theirs.as_ref().map_or_else(|| "absent".into(), Value::to_string);
                    write!(f, "{comma}{}, which is {theirs} now{by}", field.path)?;
                }
                f.write_str(" since; left alone")
            }
            UndoOutcome::LeftAlone { why } => write!(f, "left alone: {why}"),
            UndoOutcome::Failed { failure: (_, message) } => write!(f, "it could not be taken back: {message}"),
        }
    }
}

/// A field that somebody else has changed since.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UndoConflict {
    /// Where.
    pub path: crate::change::field::Path,
    /// What the run had set; `None` if it had removed it.
    pub ours: Option<Value>,
    /// What is there now; `None` if it is gone.
    pub theirs: Option<Value>,
    /// Field manager that owns it now, if the server says.
    pub by: Option<String>,
}

/// What came of a `wait` or `hold`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProofOutcome {
    /// It held.
    Passed,
    /// It did not.
    Failed,
    /// It had no data at the deadline.
    Unverified,
    /// Looked at before the first change of its step: it can be evaluated.
    CanBeEvaluated,
    /// Not evaluated: the run is a plan.
    NotEvaluated,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// The ending's word: `fixed`, `found`, `not_this`, `cannot_tell`, `planned`; or `failed`, `interrupted`, `deadline`;
    /// `undone` if a later process took the run back.
    pub ending: String,
    /// What it says.
    pub message: String,
    /// The next runbook, if it names one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
    /// Changes that stay and were proved.
    pub kept: Vec<u64>,
    /// Changes that were taken back.
    pub taken_back: Vec<u64>,
    /// Changes that stay behind, not verified or not taken back, each with the reason.
    pub left_behind: Vec<(u64, String)>,
    /// How long the run took, by its clock.
    pub took: Duration,
    /// Code of the failure that ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// What was *not* changed, where the failure says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged: Option<String>,
    /// What to do next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}
