//! The report of a run, line by line as it happens.

use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use meshbook_runtime::change::FieldChange;
use meshbook_runtime::record::event::{ChangeOutcome, Changing, Event, Line, ProofOutcome, Started, UndoOutcome};
use meshbook_runtime::run::Reporter;

use super::look::Look;
use super::many::Many;
use super::screen::Screen;
use super::{diff, escape, table, took};
use crate::report::Report;

/// So many changes of one kind, made one after the other, are told with their fields. Of more, the record has each.
const FEW: usize = 64;

/// Writes the report of a run to a screen, and collects it.
pub struct Terminal {
    screen: Arc<Screen>,
    state: Mutex<State>,
}

struct State {
    report: Report,
    /// How many steps lie around what happens now.
    depth: usize,
    steps: usize,
    /// Whether the run is a prompt's: it has a banner of its own.
    at_prompt: bool,
    /// The change that a question has just shown: its difference need not be shown again.
    asked: Option<(String, Vec<FieldChange>)>,
    /// Which of the changes that follow each other are told.
    many: Many,
    /// The change whose taking back was told last.
    taking_back: Option<u64>,
}

impl Default for State {
    fn default() -> Self {
        let report = Report::default();
        State { report, depth: 0, steps: 0, at_prompt: false, asked: None, many: Many::new(FEW), taking_back: None }
    }
}

impl Terminal {
    /// A reporter on a screen.
    pub fn new(screen: Arc<Screen>) -> Terminal {
        Terminal { screen, state: Mutex::default() }
    }

    /// A reporter of a prompt.
    pub fn at_prompt(screen: Arc<Screen>) -> Terminal {
        Terminal { screen, state: Mutex::new(State { at_prompt: true, ..State::default() }) }
    }

    /// A reporter of what is done to an earlier run, whose report so far this is.
    pub fn resuming(screen: Arc<Screen>, report: Report) -> Terminal {
        Terminal { screen, state: Mutex::new(State { report, ..State::default() }) }
    }

    /// The screen.
    pub fn screen(&self) -> &Arc<Screen> {
        &self.screen
    }

    /// What the run has come to so far.
    pub fn report(&self) -> Report {
        self.state().report.clone()
    }

    /// Remembers that a question has just shown this change.
    pub fn has_asked(&self, changing: &Changing) {
        self.state().asked = Some((changing.object.to_string(), changing.fields.clone()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn show(&self, state: &mut State, line: &Line) {
        let look = self.screen.look();
        let indent = "  ".repeat(state.depth);
        let print = |text: String| self.screen.print(format!("{indent}{text}").trim_end());
        if !is_of_changes(&line.event) {
            self.end_of_many(state, &print);
        }
        match &line.event {
            Event::Started(started) if state.at_prompt => self.banner(started),
            Event::Started(started) => self.header(started),
            Event::StepStarted { title, depth } => {
                state.depth = depth + 1;
                if *depth == 0 {
                    state.steps += 1;
                    self.screen.print("");
                    self.screen.print(&look.bold(format!("Step {}  {}", state.steps, escape::joined(title))));
                } else {
                    self.screen.print(&format!("{}{}", "  ".repeat(*depth), look.bold(escape::joined(title))));
                }
            }
            Event::StepEnded { depth, took: time, passed, .. } => {
                let mark = if *passed { look.ok() } else { look.failed() };
                print(format!("{mark} {}", look.dim(took(*time))));
                state.depth = *depth;
            }
            // Reads are what a run does all the time: `-v` shows them.
            // An input stands on the screen already: it was typed there.
            Event::Looked { .. }
            | Event::Settled { .. }
            | Event::Undoing { .. }
            | Event::Ended(_)
            | Event::Input { .. }
            | Event::InputEnded { .. } => {}
            Event::Shown { table, .. } => {
                let folded = if state.at_prompt { table::AT_PROMPT } else { table::IN_RUN };
                for text in table::lines(table, look, indent.len(), folded) {
                    print(text);
                }
            }
            Event::Checked { what, passed, detail } => {
                let mark = if *passed { look.ok() } else { look.failed() };
                let detail = detail
                    .as_deref()
                    .map(|detail| look.dim(format!(" ({})", escape::joined(detail))))
                    .unwrap_or_default();
                print(format!("{mark} check: {}{detail}", escape::joined(what)));
            }
            Event::Proved { word, condition, outcome, seen, took } => {
                for text in self.proof(word, condition, *outcome, seen.as_deref(), *took) {
                    print(text);
                }
            }
            Event::Changing(changing) => {
                if !self.tells(state, line.number, changing.verb(), &changing.object.kind.kind) {
                    return;
                }
                let asked = state.asked.take();
                let asked = asked
                    .is_some_and(|(object, fields)| object == changing.object.to_string() && fields == changing.fields);
                // The question and the report are on the same screen, unless the report goes into a file.
                if !(asked && look.width.is_some()) {
                    self.change(changing, changing.verb(), &print);
                }
            }
            Event::Planned(changing) => {
                let verb = format!("would {}", changing.verb());
                if self.tells(state, line.number, &verb, &changing.object.kind.kind) {
                    self.change(changing, &verb, &print);
                }
            }
            Event::ChangeAnswered { change, outcome } => {
                // Of changes that were announced together, one line after the other, it is said which one is meant.
                let together = |other: &u64| state.report.change(*other).is_some();
                let is_alone = ![change.wrapping_sub(1), change + 1].iter().any(together);
                let told = state.many.has_told(*change);
                let which = match is_alone && told {
                    true => String::new(),
                    false => format!(": {}", look.name(escape::line(&state.report.object_of(*change)))),
                };
                match outcome {
                    ChangeOutcome::Made { .. } if !told => {}
                    ChangeOutcome::Made { .. } => print(format!("  {} made{which}", look.ok())),
                    ChangeOutcome::NotMade { failure } => {
                        let why = escape::joined(&failure.1);
                        print(format!("  {} not made, nothing changed{which}: {why}", look.failed()));
                    }
                    ChangeOutcome::Unknown { failure } => {
                        let why = escape::joined(&failure.1);
                        print(format!("  {} nobody knows whether it was made{which}: {why}", look.open()));
                    }
                }
            }
            Event::NotEvaluated { what } => {
                print(look.dim(format!("not evaluated in a plan: {}", escape::joined(what))))
            }
            Event::TakingBack { change, why } => {
                let Some(kind) = state.report.change(*change).map(|change| change.reference.kind.kind.clone()) else {
                    return;
                };
                if !self.tells(state, *change, "take back", &kind) {
                    return;
                }
                state.taking_back = Some(*change);
                let Some(change) = state.report.change(*change) else { return };
                if change.fleeting {
                    // All of it goes, as was said when it was made.
                    print(format!("{} {}", look.notice("remove"), look.name(escape::line(&change.object))));
                    print(look.dim(format!("  because: {}", escape::joined(why))));
                    return;
                }
                print(format!(
                    "{} {}: {}",
                    look.notice("take back"),
                    look.name(escape::line(&change.object)),
                    escape::joined(&change.summary)
                ));
                for text in diff::lines_back(&change.diff, look) {
                    print(format!("    {text}"));
                }
                print(look.dim(format!("  because: {}", escape::joined(why))));
            }
            Event::TakenBack { change, outcome } => {
                let is_told = state.many.has_told(*change) && state.taking_back == Some(*change);
                if !is_told {
                    if outcome.is_clean() {
                        return;
                    }
                    print(look.name(escape::line(&state.report.object_of(*change))));
                }
                for text in undone(outcome, look) {
                    print(format!("  {text}"));
                }
            }
            Event::SettingBack { change, object, fields } => {
                let look = self.screen.error_look();
                let with = state.report.object_of(*change);
                let fields = set_back(fields);
                self.screen.say(&format!(
                    "{indent}{} {} is set back too, before {}: {fields}",
                    look.notice("warning:"),
                    escape::line(&object.to_string()),
                    escape::line(&with)
                ));
            }
            Event::Warning { message } => {
                let look = self.screen.error_look();
                self.screen.say(&format!("{indent}{} {}", look.notice("warning:"), escape::joined(message)));
            }
        }
    }

    /// Whether a change is told by itself; else how far they have come.
    fn tells(&self, state: &mut State, change: u64, verb: &str, kind: &str) -> bool {
        let tells = state.many.tells(change, verb, kind);
        if !tells {
            self.screen.wait(state.many.so_far().as_deref());
        }
        tells
    }

    /// Counts what was not told, where something else follows.
    fn end_of_many(&self, state: &mut State, print: &dyn Fn(String)) {
        let others = state.many.others();
        if others.is_empty() {
            return;
        }
        self.screen.wait(None);
        for (verb, objects) in others {
            print(format!("{} {objects}: the record has each", self.screen.look().notice(verb)));
        }
    }

    fn banner(&self, started: &Started) {
        let look = self.screen.look();
        let dot = look.dot();
        self.screen.print(&format!(
            "meshbook {} {dot} {} {dot} namespace {} {dot} run {}",
            escape::line(&started.version),
            place(&started.context, &started.server, look),
            look.name(escape::line(&started.namespace)),
            look.dim(&started.run),
        ));
        let manner = if started.context.starts_with("replay ") {
            "What that run asked is answered as it was then; nothing can be changed. ? helps, :quit leaves."
        } else {
            "Each change is shown and asked for. ? helps, Tab completes, :quit leaves."
        };
        self.screen.print(&look.dim(manner));
    }

    fn header(&self, started: &Started) {
        let look = self.screen.look();
        let params: Vec<_> = started
            .params
            .iter()
            .map(|(name, value)| {
                let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                format!("{name}={}", escape::line(&value))
            })
            .collect();
        self.screen.print(format!("{}  {}", look.bold(escape::line(&started.script)), params.join(" ")).trim_end());
        let dot = look.dot();
        let mode = match started.mode.as_str() {
            "ask" => "asks before each change",
            "plan" => "a plan: nothing will be changed",
            _ => "unattended",
        };
        let reads = started.second.as_ref().map_or_else(String::new, |there| {
            format!(" {dot} reads {} too", place(&there.context, &there.server, look))
        });
        self.screen.print(&format!(
            "{}{reads} {dot} namespace {} {dot} {mode} {dot} run {}",
            place(&started.context, &started.server, look),
            look.name(escape::line(&started.namespace)),
            look.dim(&started.run),
        ));
    }

    fn change(&self, changing: &Changing, verb: &str, print: &dyn Fn(String)) {
        let look = self.screen.look();
        print(format!(
            "{} {}: {}",
            look.notice(verb),
            look.name(escape::line(&changing.object.to_string())),
            escape::joined(&changing.summary)
        ));
        for text in diff::lines(&changing.fields, look) {
            print(format!("    {text}"));
        }
        if let Some(owner) = &changing.gitops {
            print(format!("  {} owned by {}, which may revert it", look.notice("GitOps:"), escape::joined(owner)));
        }
        if let Some(why) = &changing.irreversible {
            print(format!("  {} {}", look.bad("cannot be taken back:"), escape::joined(why)));
        }
        if !changing.validated {
            let why = match changing.creates() && changing.object.namespace.is_some() {
                true => {
                    "not validated by the server: its namespace is only planned, or there is no permission to write it"
                }
                false => "not validated by the server: no permission to write it",
            };
            print(format!("  {}", look.notice(why)));
        }
    }

    fn proof(
        &self,
        word: &str,
        condition: &str,
        outcome: ProofOutcome,
        seen: Option<&str>,
        time: Duration,
    ) -> Vec<String> {
        let look = self.screen.look();
        let condition = escape::joined(condition);
        let (waited, until) = if word == "hold" { ("held", "while") } else { ("waited", "until") };
        let last_seen = || seen.map(|seen| format!("    last seen: {}", escape::joined(seen)));
        match outcome {
            ProofOutcome::Passed => {
                vec![format!("{} {waited} {} {}", look.ok(), took(time), look.dim(format!("{until} {condition}")))]
            }
            ProofOutcome::Failed => {
                let line = if word == "hold" {
                    format!("{} after {} it no longer held: {condition}", look.failed(), took(time))
                } else {
                    format!("{} waited {}, still not: {condition}", look.failed(), took(time))
                };
                std::iter::once(line).chain(last_seen()).collect()
            }
            ProofOutcome::Unverified => {
                let line = format!("{} no data after {}: {condition}", look.failed(), took(time));
                std::iter::once(line).chain(last_seen()).collect()
            }
            ProofOutcome::CanBeEvaluated => Vec::new(),
            ProofOutcome::NotEvaluated => {
                vec![look.dim(format!("not evaluated in a plan: {word} {until} {condition}"))]
            }
        }
    }
}

impl Reporter for Terminal {
    fn line(&self, line: &Line) {
        let mut state = self.state();
        // What is to be taken back is looked up in the report, so what a line adds must stand there first.
        state.report.add(line);
        self.show(&mut state, line);
    }

    fn progress(&self, what: Option<&str>) {
        self.screen.wait(what);
    }
}

/// Whether an event is of changes that may follow each other in great number.
fn is_of_changes(event: &Event) -> bool {
    matches!(
        event,
        Event::Changing(_)
            | Event::Planned(_)
            | Event::ChangeAnswered { .. }
            | Event::TakingBack { .. }
            | Event::TakenBack { .. }
            | Event::Looked { .. }
            | Event::Settled { .. }
    )
}

/// Where a run acts, so that nobody takes the one for the other: `LAB breaker`, `LIVE prod-eu1 (https://…)`.
pub fn place(context: &str, server: &str, look: Look) -> String {
    if let Some(world) = context.strip_prefix("lab ") {
        format!("{} {}", look.good("LAB"), escape::line(world))
    } else if let Some(run) = context.strip_prefix("replay ") {
        format!("{} {}", look.good("REPLAY"), escape::line(run))
    } else if is_served_lab(context, server) {
        format!("{} {}", look.good("LAB"), escape::line(context))
    } else {
        format!("{} {} ({})", look.bad("LIVE"), escape::line(context), escape::line(server))
    }
}

/// Whether this is the context that `meshbook lab` writes, on this machine.
pub fn is_served_lab(context: &str, server: &str) -> bool {
    context.starts_with("lab-") && server.starts_with("https://127.0.0.1:")
}

/// Fields that are set back, from what they are to what they were.
pub fn set_back(fields: &[FieldChange]) -> String {
    let told = |field: &FieldChange| {
        let path = field.path.to_string();
        format!(
            "{} {} -> {}",
            escape::line(&path),
            diff::short(field.after.as_ref()),
            diff::short(field.before.as_ref())
        )
    };
    fields.iter().map(told).collect::<Vec<_>>().join(", ")
}

/// What came of taking a change back.
pub fn undone(outcome: &UndoOutcome, look: Look) -> Vec<String> {
    match outcome {
        UndoOutcome::Restored { ownership: true } => {
            vec![format!("{} as before, the owners of its fields too", look.ok())]
        }
        UndoOutcome::Restored { ownership: false } => {
            vec![format!("{} its values are as before; who owns its fields (metadata.managedFields) is not", look.ok())]
        }
        UndoOutcome::Recreated => vec![format!("{} made anew as it was, under another uid", look.ok())],
        UndoOutcome::Deleted => vec![format!("{} deleted again: it did not exist before", look.ok())],
        UndoOutcome::Already => vec![format!("{} was as before already", look.ok())],
        UndoOutcome::Conflict { fields, restored } => {
            let mut lines = vec![format!("{} left alone: somebody else has changed it since", look.failed())];
            for field in fields {
                let by = field.by.as_deref().map(|by| format!(", owned by {}", escape::line(by))).unwrap_or_default();
                lines.push(format!(
                    "    {}: the run had set {}, now {}{by}",
                    escape::line(&field.path.to_string()),
                    diff::short(field.ours.as_ref()),
                    diff::short(field.theirs.as_ref()),
                ));
            }
            if !restored.is_empty() {
                let paths: Vec<_> = restored.iter().map(ToString::to_string).collect();
                lines.push(format!("    as before: {}", escape::line(&paths.join(", "))));
            }
            lines
        }
        UndoOutcome::LeftAlone { why } => vec![format!("{} left alone: {}", look.failed(), escape::joined(why))],
        UndoOutcome::Failed { failure } => {
            vec![format!("{} not taken back: {} [{}]", look.failed(), escape::joined(&failure.1), failure.0)]
        }
    }
}
