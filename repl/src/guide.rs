//! A person who goes through a runbook: asked before and after its steps, with a prompt where one fails.

use std::sync::{Mutex, PoisonError};

use meshbook_runtime::engine::Diagnostic;
use meshbook_runtime::engine::stepping::{After, Before, Here, Stepper};
use meshbook_runtime::failure::Failure;

use crate::front::Ink;
use crate::session::{Next, Session, Stage};
use crate::{Desk, editor};

/// Asks the person at the terminal about the steps of a runbook.
pub struct Guide {
    desk: Desk,
    every_step: bool,
    /// The failures that the person was shown.
    told: Mutex<Vec<Failure>>,
}

impl Guide {
    /// A guide through every step, or one that speaks only where a step fails.
    pub fn new(desk: Desk, every_step: bool) -> Guide {
        Guide { desk, every_step, told: Mutex::default() }
    }

    /// Whether the person has seen this failure already, where a step failed of it.
    pub fn has_told(&self, diagnostic: &Diagnostic) -> bool {
        let failure = &diagnostic.failure;
        let is_it = |told: &Failure| told.is(failure.code) && told.message == failure.message;
        self.told.lock().unwrap_or_else(PoisonError::into_inner).iter().any(is_it)
    }

    /// A prompt in the middle of the runbook, with its variables.
    fn prompt(&self, here: &mut Here, stage: Stage) -> Next {
        let front = &self.desk.front;
        self.desk.interrupts.pause();
        let next = Session::inside(&self.desk, here, stage).map(|mut session| {
            let next = editor::converse(&mut session, &self.desk, None);
            for (name, value) in &mut here.variables {
                if let Some(now) = session.prompt.value(name) {
                    *value = now;
                }
            }
            next
        });
        self.desk.interrupts.end();
        match next {
            Ok(Ok(next)) => next,
            Ok(Err(failure)) => {
                front.diagnostic(&Diagnostic::without_place(failure));
                Next::Leave
            }
            Err(diagnostic) => {
                front.diagnostic(&diagnostic);
                Next::Leave
            }
        }
    }

    /// What a step may do to the cluster, as its text says.
    fn tell(&self, here: &Here) {
        let front = &self.desk.front;
        front.clear();
        front.print("");
        front.print(&format!("{} {}", front.paint(Ink::Dim, "Next:"), front.paint(Ink::Bold, &here.title)));
        let about = &here.description;
        for (class, names) in &about.effects {
            let names: Vec<_> = names.iter().copied().collect();
            front.print(&format!("  {class}: {}", names.join(", ")));
        }
        if about.effects.is_empty() {
            front.print("  it asks nothing of the cluster");
        }
        if !about.changes.is_empty() {
            let kinds: Vec<_> = about.changes.iter().map(String::as_str).collect();
            let kinds = kinds.join(", ");
            front.print(&format!("  {} {kinds}; each is asked for", front.paint(Ink::Notice, "may change")));
        }
        for (name, why) in &about.irreversible {
            front.print(&format!("  {} {name}: {why}", front.paint(Ink::Bad, "cannot be taken back:")));
        }
    }

    /// The answer to a question: one of its letters. `None` if nobody answers.
    fn letter(&self, question: &str, letters: &str) -> Option<char> {
        loop {
            let line = self.desk.front.ask(question)?;
            let mut typed = line.trim().chars();
            match typed.next().map(|letter| letter.to_ascii_lowercase()) {
                Some(letter) if letters.contains(letter) => return Some(letter),
                // An empty line is no answer.
                _ => {}
            }
        }
    }
}

impl Stepper for Guide {
    fn every_step(&self) -> bool {
        self.every_step
    }

    fn before(&self, here: &mut Here) -> Before {
        self.tell(here);
        loop {
            match self.letter("Run this step? [r]un [s]kip [l]ook around first [q]uit: ", "rslq") {
                Some('r') => return Before::Run,
                Some('s') => return Before::Skip,
                Some('l') => {
                    self.prompt(here, Stage::Before);
                    if self.desk.interrupts.is_leaving() {
                        return Before::Leave;
                    }
                }
                _ => return Before::Leave,
            }
        }
    }

    fn after(&self, here: &mut Here) -> After {
        let front = &self.desk.front;
        front.clear();
        let stage = match &here.failure {
            None => Stage::Passed,
            Some(diagnostic) => {
                front.diagnostic(diagnostic);
                let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
                told.push(diagnostic.failure.clone());
                drop(told);
                front.print(&format!(
                    "{} What it changed is in force (:changes). Look; then :retry repeats it, :continue goes on behind it, :quit ends the runbook.",
                    front.paint(Ink::Notice, &format!("The step \"{}\" failed, and the runbook waits.", here.title))
                ));
                Stage::Failed
            }
        };
        loop {
            let next = match stage {
                Stage::Failed => self.prompt(here, stage),
                _ => match self.letter("It passed. [n]ext [r]epeat [l]ook around [q]uit: ", "nrlq") {
                    Some('n') => Next::Continue,
                    Some('r') => Next::Retry,
                    Some('l') => match self.prompt(here, stage) {
                        Next::Leave if !self.desk.interrupts.is_leaving() => continue,
                        next => next,
                    },
                    _ => Next::Leave,
                },
            };
            return match next {
                Next::Continue => After::GoOn,
                Next::Retry => After::Again,
                Next::Go | Next::Leave => After::Leave,
            };
        }
    }
}
