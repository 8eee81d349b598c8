//! What a run comes to: collected from its events, as they happen or from a record.
//!
//! This is the document of `-o json`, what the closing block of a report says, and what `meshbook runs` lists.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use meshbook_runtime::effect::{Class, ObjectRef};
use meshbook_runtime::record::event::{Beside, ChangeOutcome, Changing, Event, Line, ProofOutcome, UndoOutcome};
use meshbook_runtime::value::Document;
use serde::Serialize;
use serde_json::Value;

/// What a run comes to.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The run's id.
    pub run: String,
    /// Path of the script.
    pub script: String,
    /// SHA-256 of the script and its modules.
    pub hash: String,
    /// Parameters.
    pub params: BTreeMap<String, Value>,
    /// The kubeconfig context, or `lab WORLD`.
    pub context: String,
    /// The API server's address.
    pub server: String,
    /// The second cluster that it reads, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub second: Option<Beside>,
    /// The namespace of the run.
    pub namespace: String,
    /// `ask`, `unattended`, `plan`.
    pub mode: String,
    /// When it began.
    pub started: Option<Timestamp>,
    /// Seconds that it took, by its clock.
    pub took_seconds: f64,
    /// `fixed`, `found`, `not_this`, `cannot_tell`, `planned`; `failed`, `interrupted`, `deadline`; `running` or
    /// `broken off` if the record has no end.
    pub ending: String,
    /// What the ending says.
    pub message: String,
    /// Code of the failure that ended it.
    pub code: Option<String>,
    /// What to do about the failure.
    pub hint: Option<String>,
    /// What the failure did not change.
    pub unchanged: Option<String>,
    /// The next runbook.
    pub next: Option<String>,
    /// The exit code; `None` if the record has no end.
    pub exit_code: Option<u8>,
    /// Steps in order.
    pub steps: Vec<Step>,
    /// What was shown.
    pub shown: Vec<Shown>,
    /// Changes in order, those of a plan too.
    pub changes: Vec<ChangeReport>,
    /// What stays behind without a proof.
    pub left_behind: Vec<LeftBehind>,
    /// What the run has not changed, and set back with one of its changes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub set_back: Vec<SetBack>,
    /// In a plan: what could not be evaluated.
    pub not_evaluated: Vec<String>,
    /// Warnings.
    pub warnings: Vec<String>,
    /// How many reads and probes there were.
    pub reads: u64,
    /// What a later `meshbook undo` has done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub undone: Option<Undone>,
    /// What went wrong, with its place in the script.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<Value>,
    /// Path of the record.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// One step.
#[derive(Clone, Debug, Serialize)]
pub struct Step {
    /// Its title.
    pub title: String,
    /// How many steps it lies in.
    pub depth: usize,
    /// Whether it ended well; `None` if it did not end.
    pub passed: Option<bool>,
    /// Seconds that it took, by the run's clock.
    pub took_seconds: Option<f64>,
    /// Checks, waits and holds in it, in order.
    pub proofs: Vec<Proof>,
}

/// A check, a wait or a hold.
#[derive(Clone, Debug, Serialize)]
pub struct Proof {
    /// `check`, `wait` or `hold`.
    pub word: String,
    /// What it is about, or its condition.
    pub condition: String,
    /// `passed`, `failed`, `unverified`, `not_evaluated`.
    pub outcome: &'static str,
    /// What was last seen.
    pub seen: Option<String>,
    /// Seconds that it took, by the run's clock; a check takes none.
    pub took_seconds: f64,
}

/// A value that the script showed.
#[derive(Clone, Debug, Serialize)]
pub struct Shown {
    /// Title of the step that it was shown in.
    pub step: Option<String>,
    /// The table's title.
    pub title: String,
    /// The value.
    pub value: Document,
}

/// One change, and what came of it.
#[derive(Clone, Debug, Serialize)]
pub struct ChangeReport {
    /// Its number in the record.
    pub number: u64,
    /// The object: `DestinationRule summit/graph-core`.
    pub object: String,
    /// The object's kind, namespace and name.
    #[serde(rename = "ref")]
    pub reference: ObjectRef,
    /// One line.
    pub summary: String,
    /// What it does with the object: `create`, `change` or `delete`.
    pub verb: &'static str,
    /// `change` or `irreversible`.
    pub class: Class,
    /// The fields that differ.
    pub diff: Vec<FieldReport>,
    /// What came of it.
    pub state: ChangeState,
    /// More about the state: why it was not made, not taken back, or left alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Fields that somebody else has changed since, if taking it back met any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub conflicts: Vec<Conflict>,
    /// The GitOps controller that owns the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gitops: Option<String>,
    /// In a plan: whether the server has tried it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub validated: Option<bool>,
    /// Whether it creates an object that is always removed again, such as a throw-away pod.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub fleeting: bool,
}

/// One field of a change.
#[derive(Clone, Debug, Serialize)]
pub struct FieldReport {
    /// Where.
    pub path: String,
    /// What it was; absent if it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Document>,
    /// What it becomes; absent if it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Document>,
}

/// A field that somebody else has changed since.
#[derive(Clone, Debug, Serialize)]
pub struct Conflict {
    /// Where.
    pub path: String,
    /// What the run had set.
    pub ours: Option<Value>,
    /// What is there now.
    pub theirs: Option<Value>,
    /// The field manager that owns it now.
    pub by: Option<String>,
}

/// Fields that were set back because a change of the run needed it when it was taken back.
#[derive(Clone, Debug, Serialize)]
pub struct SetBack {
    /// The object of that change.
    pub with: String,
    /// Whose fields.
    pub object: String,
    /// The fields, from what they were to what they are.
    pub fields: String,
}

/// What a later process has done to take the run back.
#[derive(Clone, Debug, Serialize)]
pub struct Undone {
    /// Who, and on which machine.
    pub by: String,
    /// When it began.
    pub at: Timestamp,
    /// Its exit code; `None` if it was broken off.
    pub exit_code: Option<u8>,
    /// What came of it.
    pub message: String,
}

/// What came of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ChangeState {
    /// A plan would make it.
    Planned,
    /// It was sent, and the record has no answer.
    Sent,
    /// Nothing changed.
    NotMade,
    /// Nobody knows.
    Unknown,
    /// It was made; no proof has followed.
    Unproved,
    /// It was made, and proved: it stays.
    Kept,
    /// It was taken back.
    TakenBack,
    /// It was made, and could not be taken back.
    LeftBehind,
}

impl ChangeState {
    /// Whether it is in force, or may be: what an undo would take back.
    pub fn is_open(self) -> bool {
        matches!(self, Self::Sent | Self::Unknown | Self::Unproved | Self::Kept | Self::LeftBehind)
    }

    /// In a word or two.
    pub fn text(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Sent => "sent, not answered",
            Self::NotMade => "not made",
            Self::Unknown => "made or not: unknown",
            Self::Unproved => "made, not proved",
            Self::Kept => "proved, stays",
            Self::TakenBack => "taken back",
            Self::LeftBehind => "left behind",
        }
    }
}

/// What stays behind without a proof.
#[derive(Clone, Debug, Serialize)]
pub struct LeftBehind {
    /// The change's number in the record.
    pub change: u64,
    /// The object.
    pub object: String,
    /// Why.
    pub why: String,
}

impl Report {
    /// What a record comes to.
    pub fn of(lines: &[Line]) -> Report {
        let mut report = Report::default();
        lines.iter().for_each(|line| report.add(line));
        report
    }

    /// Adds one event.
    pub fn add(&mut self, line: &Line) {
        match &line.event {
            Event::Started(started) => {
                self.run.clone_from(&started.run);
                self.script.clone_from(&started.script);
                self.hash.clone_from(&started.hash);
                self.params.clone_from(&started.params);
                self.context.clone_from(&started.context);
                self.server.clone_from(&started.server);
                self.second.clone_from(&started.second);
                self.namespace.clone_from(&started.namespace);
                self.mode.clone_from(&started.mode);
                self.started = Some(line.at);
                self.ending = "running".into();
            }
            // What was typed at a prompt is told by the timeline.
            Event::Input { .. } | Event::InputEnded { .. } => {}
            Event::StepStarted { title, depth } => {
                self.steps.push(Step {
                    title: title.clone(),
                    depth: *depth,
                    passed: None,
                    took_seconds: None,
                    proofs: Vec::new(),
                });
            }
            Event::StepEnded { took, passed, .. } => {
                if let Some(step) = self.open_step() {
                    step.passed = Some(*passed);
                    step.took_seconds = Some(took.as_secs_f64());
                }
            }
            Event::Looked { .. } => self.reads += 1,
            Event::Shown { table, value } => {
                let step = self.open_step().map(|step| step.title.clone());
                self.shown.push(Shown { step, title: table.title.clone(), value: Document::of(value) });
            }
            Event::Checked { what, passed, detail } => {
                let outcome = if *passed { ProofOutcome::Passed } else { ProofOutcome::Failed };
                self.prove("check", what, outcome, detail.clone(), Duration::ZERO);
            }
            Event::Proved { word, condition, outcome, seen, took } => {
                self.prove(word, condition, *outcome, seen.clone(), *took)
            }
            Event::Changing(changing) => self.changes.push(change_report(line.number, changing, ChangeState::Sent)),
            Event::Planned(changing) => self.changes.push(change_report(line.number, changing, ChangeState::Planned)),
            Event::ChangeAnswered { change, outcome } => match outcome {
                ChangeOutcome::Made { .. } => self.set_state(*change, ChangeState::Unproved, None),
                ChangeOutcome::NotMade { failure } => {
                    self.set_state(*change, ChangeState::NotMade, Some(failure.1.clone()))
                }
                ChangeOutcome::Unknown { failure } => {
                    self.set_state(*change, ChangeState::Unknown, Some(failure.1.clone()))
                }
            },
            Event::Settled { changes } => {
                changes.iter().for_each(|change| self.set_state(*change, ChangeState::Kept, None))
            }
            Event::TakingBack { .. } => {}
            Event::TakenBack { change, outcome } => self.taken_back(*change, outcome),
            Event::NotEvaluated { what } => self.not_evaluated.push(what.clone()),
            Event::Undoing { user, machine } => {
                self.undone = Some(Undone {
                    by: format!("{user} on {machine}"),
                    at: line.at,
                    exit_code: None,
                    message: String::new(),
                })
            }
            Event::SettingBack { change, object, fields } => self.set_back.push(SetBack {
                with: self.object_of(*change),
                object: object.to_string(),
                fields: crate::terminal::reporter::set_back(fields),
            }),
            Event::Warning { message } => self.warnings.push(message.clone()),
            Event::Ended(ended) if self.undone.is_some() => {
                if let Some(undone) = &mut self.undone {
                    undone.exit_code = Some(ended.exit.code());
                    undone.message.clone_from(&ended.message);
                }
            }
            Event::Ended(ended) => {
                self.ending.clone_from(&ended.ending);
                self.message.clone_from(&ended.message);
                self.code.clone_from(&ended.code);
                self.hint.clone_from(&ended.hint);
                self.unchanged.clone_from(&ended.unchanged);
                self.next.clone_from(&ended.next);
                self.exit_code = Some(ended.exit.code());
                self.took_seconds = ended.took.as_secs_f64();
                self.left_behind = ended
                    .left_behind
                    .iter()
                    .map(|(change, why)| LeftBehind {
                        change: *change,
                        object: self.object_of(*change),
                        why: why.clone(),
                    })
                    .collect();
                for (change, why) in &ended.left_behind {
                    self.set_state(*change, ChangeState::LeftBehind, Some(why.clone()));
                }
            }
        }
    }

    /// The object of a change, by the change's number.
    pub fn object_of(&self, change: u64) -> String {
        self.change(change).map_or_else(|| format!("change {change}"), |change| change.object.clone())
    }

    /// A change by its number.
    pub fn change(&self, number: u64) -> Option<&ChangeReport> {
        Some(&self.changes[self.place_of(number)?])
    }

    /// Where a change stands: they are in the order of their numbers.
    fn place_of(&self, number: u64) -> Option<usize> {
        self.changes.binary_search_by_key(&number, |change| change.number).ok()
    }

    /// Changes that are in force, or may be.
    pub fn open_changes(&self) -> impl Iterator<Item = &ChangeReport> {
        self.changes.iter().filter(|change| change.state.is_open())
    }

    /// Whether the run went against a lab that lived in its own process.
    pub fn in_process_lab(&self) -> Option<&str> {
        self.context.strip_prefix("lab ")
    }

    fn open_step(&mut self) -> Option<&mut Step> {
        self.steps.iter_mut().rev().find(|step| step.passed.is_none())
    }

    fn prove(&mut self, word: &str, condition: &str, outcome: ProofOutcome, seen: Option<String>, took: Duration) {
        let outcome = match outcome {
            ProofOutcome::Passed => "passed",
            ProofOutcome::Failed => "failed",
            ProofOutcome::Unverified => "unverified",
            ProofOutcome::NotEvaluated => "not_evaluated",
            // It says only that the proof can be made later.
            ProofOutcome::CanBeEvaluated => return,
        };
        if let Some(step) = self.open_step() {
            step.proofs.push(Proof {
                word: word.into(),
                condition: condition.into(),
                outcome,
                seen,
                took_seconds: took.as_secs_f64(),
            });
        }
    }

    fn set_state(&mut self, number: u64, state: ChangeState, detail: Option<String>) {
        if let Some(place) = self.place_of(number) {
            let change = &mut self.changes[place];
            change.state = state;
            change.detail = detail;
        }
    }

    fn taken_back(&mut self, number: u64, outcome: &UndoOutcome) {
        let (state, detail) = match outcome {
            UndoOutcome::Restored { ownership: true } => (ChangeState::TakenBack, None),
            UndoOutcome::Restored { ownership: false } => (
                ChangeState::TakenBack,
                Some("the values are as before; who owns the fields (metadata.managedFields) is not".into()),
            ),
            UndoOutcome::Recreated => (ChangeState::TakenBack, Some("made anew, under another uid".into())),
            UndoOutcome::Deleted => (ChangeState::TakenBack, Some("deleted again: it did not exist before".into())),
            UndoOutcome::Already => (ChangeState::TakenBack, Some("it was as before already".into())),
            UndoOutcome::Conflict { .. } => {
                (ChangeState::LeftBehind, Some("somebody else has changed it since".into()))
            }
            UndoOutcome::LeftAlone { why } => (ChangeState::LeftBehind, Some(why.clone())),
            UndoOutcome::Failed { failure } => (ChangeState::LeftBehind, Some(failure.1.clone())),
        };
        self.set_state(number, state, detail);
        if let (UndoOutcome::Conflict { fields, .. }, Some(place)) = (outcome, self.place_of(number)) {
            self.changes[place].conflicts = fields
                .iter()
                .map(|field| Conflict {
                    path: field.path.to_string(),
                    ours: field.ours.clone(),
                    theirs: field.theirs.clone(),
                    by: field.by.clone(),
                })
                .collect();
        }
    }
}

fn change_report(number: u64, changing: &Changing, state: ChangeState) -> ChangeReport {
    ChangeReport {
        number,
        object: changing.object.to_string(),
        reference: changing.object.clone(),
        verb: changing.verb(),
        summary: changing.summary.clone(),
        class: changing.class,
        diff: changing
            .fields
            .iter()
            .map(|field| FieldReport {
                path: field.path.to_string(),
                before: field.before.as_ref().map(Document::of),
                after: field.after.as_ref().map(Document::of),
            })
            .collect(),
        state,
        detail: None,
        conflicts: Vec::new(),
        gitops: changing.gitops.clone(),
        validated: (state == ChangeState::Planned).then_some(changing.validated),
        fleeting: changing.fleeting,
    }
}
