//! What one input does: a command, a question, or a script.

use std::sync::Arc;

use meshbook_runtime::engine::Diagnostic;
use meshbook_runtime::engine::prompt::{Answer, Came, Prompt};
use meshbook_runtime::engine::stepping::Here;
use meshbook_runtime::failure::{Failure, INTERRUPTED, PARAM, nearest};
use meshbook_runtime::primitive::Library;
use meshbook_runtime::run::{ChangeState, Done, Ending, Made, Run};
use meshbook_runtime::transport::replay::Replay;
use meshbook_stdlib::show;
use meshbook_stdlib::text::count;
use rhai::Dynamic;
use tokio_util::sync::CancellationToken;

use crate::front::{Front, Ink};
use crate::interrupts::Interrupts;
use crate::{Desk, Guide, Onward, command, question};

/// What follows an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Another one.
    Go,
    /// The person wants to leave.
    Leave,
    /// The runbook that waits goes on.
    Continue,
    /// The step that waits is repeated.
    Retry,
}

/// A runbook that waits for this session.
pub(crate) struct Stopped {
    /// The title of the step that it waits at.
    pub(crate) title: String,
    /// How far the step is.
    pub(crate) stage: Stage,
    /// The changes that the step has made itself.
    pub(crate) changes: Vec<u64>,
}

/// How far a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    /// It has not begun.
    Before,
    /// It has passed.
    Passed,
    /// It has failed, and nothing is taken back yet.
    Failed,
}

/// An input that was carried out, for `:save`.
pub(crate) struct Kept {
    /// Its number.
    pub(crate) number: u64,
    /// What was typed.
    pub(crate) text: String,
    /// What came of it, in a line.
    pub(crate) outcome: String,
    /// Its first and last line in the record.
    pub(crate) lines: (u64, u64),
    /// Whether it said an ending.
    pub(crate) ended: bool,
}

impl Kept {
    /// Whether it made the change of this number.
    pub(crate) fn made(&self, change: u64) -> bool {
        (self.lines.0..=self.lines.1).contains(&change)
    }
}

/// A session at the prompt.
pub(crate) struct Session {
    pub(crate) prompt: Prompt,
    front: Arc<dyn Front>,
    interrupts: Arc<Interrupts>,
    /// The inputs that succeeded, in their order.
    pub(crate) kept: Vec<Kept>,
    /// Whether the last input failed, and how: what a session without a person ends with.
    pub(crate) failed: Option<Failure>,
    /// The context's name, or the world's.
    pub(crate) context: String,
    /// Whether waiting takes no time here, because the place's time is virtual.
    pub(crate) virtual_time: bool,
    /// Whether a person is there who can be asked.
    pub(crate) talks: bool,
    /// The runbook that waits for this session, if one does.
    pub(crate) stopped: Option<Stopped>,
    /// Where the person goes on after this session.
    pub(crate) onward: Option<Onward>,
    desk: Desk,
}

impl Session {
    pub(crate) fn new(desk: &Desk) -> Result<Session, Box<Diagnostic>> {
        Ok(Session::of(desk, Prompt::new(Arc::clone(&desk.run), desk.library, &desk.root)?))
    }

    /// A session in the middle of a runbook.
    pub(crate) fn inside(desk: &Desk, here: &Here, stage: Stage) -> Result<Session, Box<Diagnostic>> {
        let prompt = Prompt::inside(Arc::clone(&desk.run), desk.library, &desk.root, here)?;
        let stopped = Stopped { title: here.title.clone(), stage, changes: here.changes.clone() };
        Ok(Session { talks: true, stopped: Some(stopped), ..Session::of(desk, prompt) })
    }

    fn of(desk: &Desk, prompt: Prompt) -> Session {
        Session {
            prompt,
            front: Arc::clone(&desk.front),
            interrupts: Arc::clone(&desk.interrupts),
            kept: Vec::new(),
            failed: None,
            context: desk.place.name.clone(),
            virtual_time: desk.place.virtual_time,
            talks: false,
            stopped: None,
            onward: None,
            desk: desk.clone(),
        }
    }

    /// Who guides through a runbook of this session.
    pub(crate) fn guide(&self, every_step: bool) -> Arc<Guide> {
        Arc::new(Guide::new(self.desk.clone(), every_step))
    }

    /// Carries out the person's own file before anything is typed: its functions and variables are there then.
    pub(crate) fn prepare(&mut self) {
        let Some(file) = self.desk.init.clone().filter(|file| file.exists()) else { return };
        if let Err(failure) = command::load(self, &file.display().to_string()) {
            self.front.diagnostic(&Diagnostic::without_place(failure));
        }
    }

    /// The record that answers in this session, if one does.
    pub(crate) fn replay(&self) -> Option<&Arc<Replay>> {
        self.desk.replay.as_ref()
    }

    /// Runs a runbook before anything is typed.
    pub(crate) fn begin_with(&mut self, runbook: &str, values: &[String]) {
        if let Err(failure) = command::run_runbook(self, runbook, values, false) {
            self.front.diagnostic(&Diagnostic::without_place(failure));
        }
    }

    pub(crate) fn run(&self) -> &Arc<Run> {
        self.prompt.run()
    }

    pub(crate) fn front(&self) -> &dyn Front {
        &*self.front
    }

    pub(crate) fn shared_front(&self) -> Arc<dyn Front> {
        Arc::clone(&self.front)
    }

    pub(crate) fn library(&self) -> &Library {
        self.prompt.library()
    }

    /// Carries out what was typed.
    pub(crate) fn take(&mut self, input: &str) -> Next {
        let text = input.trim();
        self.failed = None;
        if text.is_empty() {
            return Next::Go;
        }
        let result = if let Some(rest) = text.strip_prefix(':') {
            command::carry_out(self, rest)
        } else if let Some(asked) = text.strip_suffix('?').filter(|asked| question::is_name(asked)) {
            question::answer(self, asked).map(|()| Next::Go)
        } else {
            self.evaluate(input);
            Ok(Next::Go)
        };
        result.unwrap_or_else(|failure| {
            self.front.diagnostic(&Diagnostic::without_place(failure.clone()));
            self.failed = Some(failure);
            Next::Go
        })
    }

    /// Evaluates a script, and shows what came of it.
    pub(crate) fn evaluate(&mut self, text: &str) {
        let answer = self.interruptible(|prompt, cancel| prompt.evaluate(text, cancel));
        self.show(text, answer);
    }

    /// Does something that a person may interrupt.
    pub(crate) fn interruptible<T>(&mut self, act: impl FnOnce(&mut Prompt, CancellationToken) -> T) -> T {
        if let Some(replay) = self.replay().filter(|_| self.stopped.is_none()) {
            replay.rewind();
        }
        let cancel = self.interrupts.begin();
        let result = act(&mut self.prompt, cancel);
        self.interrupts.end();
        self.front.clear();
        result
    }

    /// Shows what came of an input.
    pub(crate) fn show(&mut self, text: &str, answer: Answer) {
        self.show_unless(text, answer, |_| false);
    }

    /// Shows what came of an input, but not once more a failure that the person has seen.
    pub(crate) fn show_unless(&mut self, text: &str, answer: Answer, seen: impl Fn(&Diagnostic) -> bool) {
        let outcome = match &answer.came {
            Came::Value(value) => {
                self.show_value(value);
                show::text(value)
            }
            Came::Ended(ending) => {
                self.show_ending(ending);
                format!("{}: {}", ending.word(), ending.message())
            }
            Came::Failed(diagnostic) => {
                if !seen(diagnostic) {
                    self.front.diagnostic(diagnostic);
                }
                self.failed = Some(diagnostic.failure.clone());
                String::new()
            }
        };
        self.show_done(&answer.done);
        if self.failed.is_none() {
            self.kept.push(Kept {
                number: answer.number,
                text: text.into(),
                outcome,
                lines: answer.done.lines,
                ended: matches!(answer.came, Came::Ended(_)),
            });
        }
    }

    /// Shows how something ended whose values were shown on the way.
    pub(crate) fn show_end(&mut self, answer: &Answer) {
        match &answer.came {
            // That is how a person ends it.
            Came::Failed(diagnostic) if diagnostic.failure.is(&INTERRUPTED) => {}
            Came::Failed(diagnostic) => {
                self.front.diagnostic(diagnostic);
                self.failed = Some(diagnostic.failure.clone());
            }
            Came::Value(_) | Came::Ended(_) => {}
        }
        self.show_done(&answer.done);
    }

    fn show_value(&self, value: &Dynamic) {
        if value.is_unit() {
            return;
        }
        self.front.table(&show::table(value));
    }

    fn show_ending(&self, ending: &Ending) {
        let ink = match ending {
            Ending::Fixed { .. } | Ending::NotThis { .. } => Ink::Good,
            Ending::Found { .. } | Ending::CannotTell { .. } => Ink::Notice,
        };
        let next = ending.next().map(|next| format!("; next: {next}")).unwrap_or_default();
        self.front.print(&format!("{}: {}{next}", self.front.paint(ink, ending.word()), ending.message()));
    }

    fn show_done(&self, done: &Done) {
        if done.reads == 0 && done.changes == 0 {
            return;
        }
        let mut parts = Vec::new();
        if done.reads > 0 {
            parts.push(count(usize::try_from(done.reads).unwrap_or(usize::MAX), "read", "reads"));
        }
        if done.changes > 0 {
            parts.push(count(done.changes, "change", "changes"));
        }
        let (first, last) = done.lines;
        let line = format!("{} in {} (record {first}-{last})", parts.join(", "), took(done.took));
        self.front.print(&self.front.paint(Ink::Dim, &line));
    }

    /// The changes that stand, oldest first, each with its number in `:changes`.
    pub(crate) fn standing(&self) -> Vec<(usize, Made)> {
        let made = self.run().made().into_iter().enumerate().map(|(index, made)| (index + 1, made));
        made.filter(|(_, made)| made.stands()).collect()
    }

    /// Whether the person may go: what stands is shown, and what becomes of it asked.
    pub(crate) fn may_leave(&mut self) -> bool {
        if self.stopped.as_ref().is_some_and(|stopped| stopped.stage != Stage::Failed) {
            return true;
        }
        let mut unproved = self.standing();
        unproved.retain(|(_, made)| made.state != ChangeState::Settled);
        if unproved.is_empty() {
            return true;
        }
        self.front.say(&self.front.paint(Ink::Notice, "These changes stand, and nothing has proved them:"));
        for (number, made) in &unproved {
            self.front.say(&format!("  {number}  {}: {}", made.changing.object, made.changing.summary));
        }
        loop {
            match self
                .front
                .ask("Leave? [t]ake them back first, [l]eave them in force, [s]tay here: ")
                .as_deref()
                .map(str::trim)
            {
                Some("t" | "take") => {
                    let numbers: Vec<u64> = unproved.iter().map(|(_, made)| made.number).collect();
                    let clean = self.run().take_back_numbers(&numbers, "you left the prompt");
                    self.front.clear();
                    if clean {
                        return true;
                    }
                    self.front.say("Not everything is as before; look at it, and leave again.");
                    return false;
                }
                Some("l" | "leave") => {
                    if self.stopped.is_some() {
                        self.run().leave_all();
                    }
                    return true;
                }
                Some("s" | "stay") => return false,
                // Nobody is there any more.
                None => return true,
                Some(_) => {}
            }
        }
    }

    /// The value of an expression, or of the last result where none is given.
    ///
    /// # Errors
    /// When there is no result yet. A failure of the expression is shown.
    pub(crate) fn value_of(&mut self, expression: &str) -> Result<Option<Dynamic>, Failure> {
        if expression.is_empty() {
            let last = self.prompt.last();
            return last.map(Some).ok_or_else(|| Failure::new(&PARAM, "there is no result yet"));
        }
        let answer = self.interruptible(|prompt, cancel| prompt.evaluate(expression, cancel));
        match answer.came {
            Came::Value(value) => Ok(Some(value)),
            _ => {
                self.show(expression, answer);
                Ok(None)
            }
        }
    }
}

/// A time that something took: `350ms`, `1.5s`.
pub(crate) fn took(took: std::time::Duration) -> String {
    if took.as_secs() == 0 { format!("{}ms", took.as_millis()) } else { format!("{:.1}s", took.as_secs_f64()) }
}

/// The nearest of some names, as a hint.
pub(crate) fn did_you_mean<'a>(name: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, names).map(|near| format!("did you mean `{near}`?"))
}
