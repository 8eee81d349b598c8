//! Asking a person before each change.

use std::io::BufRead;
use std::sync::{Arc, Mutex};

use meshbook_runtime::record::event::Changing;
use meshbook_runtime::run::{Answer, Approver, Run};
use rustix::event::{PollFd, PollFlags, Timespec, poll};

use super::look::Look;
use super::reporter::{Terminal, place};
use super::{diff, escape};
use crate::report::Report;

/// How often a question that nobody answers looks whether the run was interrupted.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 50_000_000 };

/// What a change would reach, in lines.
pub type Reach = fn(&Run, &Changing) -> Vec<String>;

/// Asks on the terminal, one change at a time.
pub struct Questions {
    terminal: Arc<Terminal>,
    /// The name of a protected context, until a person has typed it.
    protected: Mutex<Option<String>>,
    help: &'static [&'static str],
    reach: Option<Reach>,
    interrupted: Box<dyn Fn() -> bool + Send + Sync>,
}

impl Questions {
    /// Questions on the terminal of this process, until `interrupted`. The name of a protected context has to be typed
    /// once before anything is changed there.
    pub fn new(
        terminal: Arc<Terminal>,
        protected: Option<String>,
        interrupted: impl Fn() -> bool + Send + Sync + 'static,
    ) -> Questions {
        Questions {
            terminal,
            protected: Mutex::new(protected),
            help: RUN,
            reach: None,
            interrupted: Box::new(interrupted),
        }
    }

    /// The same at a prompt, where an answer ends an input and not the run, and each question says what its change would
    /// reach.
    #[must_use]
    pub fn at_prompt(self, reach: Reach) -> Questions {
        Questions { help: PROMPT, reach: Some(reach), ..self }
    }

    /// The same in a run that opens a prompt where a step fails.
    #[must_use]
    pub fn in_debugging(self) -> Questions {
        Questions { help: DEBUGGING, ..self }
    }

    /// One line; `None` at the end of the input or when the run is interrupted.
    ///
    /// The terminal is read only when it has a line: a read that waits would hold up an interrupt, and take the next line
    /// from whoever reads after it.
    pub fn line(&self) -> Option<String> {
        let stdin = std::io::stdin();
        while !(self.interrupted)() {
            let ready = poll(&mut [PollFd::new(&stdin, PollFlags::IN)], Some(&TICK));
            match ready {
                Ok(0) | Err(rustix::io::Errno::INTR) => {}
                Ok(_) => {
                    let mut line = String::new();
                    // The end of the input and bytes that are not UTF-8 are both no answer.
                    return matches!(stdin.lock().read_line(&mut line), Ok(1..)).then_some(line);
                }
                Err(_) => return None,
            }
        }
        None
    }

    /// Whether a protected context is the one that is meant: its name is typed once.
    fn context_is_meant(&self) -> bool {
        let mut protected = self.protected.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        let Some(name) = protected.as_deref() else { return true };
        let screen = self.terminal.screen();
        screen.ask(&format!(
            "  {} is protected. Type its name to change something there: ",
            screen.error_look().bold(escape::line(name))
        ));
        let meant = self.line().is_some_and(|line| line.trim() == name);
        if meant {
            *protected = None;
        } else {
            screen.say("  That is not its name: nothing is changed.");
        }
        meant
    }

    fn present(&self, run: &Run, proposal: &Changing) {
        let reach = self.reach.map(|reach| reach(run, proposal)).unwrap_or_default();
        let screen = self.terminal.screen();
        let look = screen.error_look();
        screen.wait(None);
        let report = self.terminal.report();
        let indent = "  ";
        screen.say(&format!(
            "{indent}{} {}: {}",
            look.bold(look.notice(proposal.verb())),
            look.name(escape::line(&proposal.object.to_string())),
            escape::joined(&proposal.summary)
        ));
        screen.say(&format!("{indent}  in {}", places(&report, look)));
        for line in diff::lines(&proposal.fields, look) {
            screen.say(&format!("{indent}    {line}"));
        }
        for line in reach {
            screen.say(&format!("{indent}  {}", escape::joined(&line)));
        }
        if let Some(owner) = &proposal.gitops {
            screen.say(&format!(
                "{indent}  {} owned by {}: it will revert this unless git says the same",
                look.bad("GitOps"),
                escape::joined(owner)
            ));
        }
        match &proposal.irreversible {
            Some(why) => {
                screen.say(&format!("{indent}  {} {}", look.bad("cannot be taken back:"), escape::joined(why)))
            }
            None => screen.say(&format!("{indent}  {}", look.dim("the server has tried it; it can be taken back"))),
        }
    }
}

impl Approver for Questions {
    fn confirm(&self, _: &Run, what: &str) -> bool {
        let screen = self.terminal.screen();
        let look = screen.error_look();
        screen.wait(None);
        let report = self.terminal.report();
        screen.say(&format!("  {}: {}", look.bold(look.notice("by hand")), escape::joined(what)));
        screen.say(&format!("  in {}", places(&report, look)));
        // What was typed before the question was on the screen is not an answer to it.
        let _ = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
        loop {
            screen.ask(&format!("  {} ", look.bold("Is it done? [y]es, go on [n]o, end here")));
            let Some(line) = self.line() else {
                screen.say("");
                return false;
            };
            match line.trim().to_lowercase().as_str() {
                "y" | "yes" => return true,
                "n" | "no" => return false,
                "" => {}
                other => screen.say(&format!("    `{}` is not one of y n", escape::line(other))),
            }
        }
    }

    fn ask(&self, run: &Run, proposal: &Changing) -> Answer {
        let screen = self.terminal.screen();
        let look = screen.error_look();
        self.present(run, proposal);
        // What was typed before the question was on the screen is not an answer to it.
        let _ = rustix::termios::tcflush(std::io::stdin(), rustix::termios::QueueSelector::IFlush);
        loop {
            screen.ask(&format!(
                "  {} ",
                look.bold("Make this change? [y]es [n]o [a]ll of this step [s]top [u]ndo so far [?]")
            ));
            let Some(line) = self.line() else {
                screen.say("");
                return Answer::Stop;
            };
            match line.trim().to_lowercase().as_str() {
                answer @ ("y" | "yes" | "a" | "all") => {
                    if !self.context_is_meant() {
                        return Answer::Stop;
                    }
                    self.terminal.has_asked(proposal);
                    return if answer.starts_with('y') { Answer::Yes } else { Answer::RestOfStep };
                }
                "n" | "no" => return Answer::No,
                "s" | "stop" => return Answer::Stop,
                "u" | "undo" => return Answer::UndoSoFar,
                "?" | "h" | "help" => self.help.iter().for_each(|line| screen.say(&format!("    {line}"))),
                // An empty line is no answer: whoever presses Enter once too often has not agreed to anything.
                "" => {}
                other => screen.say(&format!("    `{}` is not one of y n a s u ?", escape::line(other))),
            }
        }
    }
}

/// Where the run acts, and what it only reads beside that.
fn places(report: &Report, look: Look) -> String {
    let own = place(&report.context, &report.server, look);
    match &report.second {
        Some(there) => format!("{own}; {} is only read", place(&there.context, &there.server, look)),
        None => own,
    }
}

/// What the keys do in a run.
const RUN: &[&str] = &[
    "y  make this change",
    "n  do not make it; the run ends, and what it has not proved is taken back",
    "a  make it, and every other change of this step without asking again",
    "s  stop here; nothing more is changed, and what was changed stays as it is",
    "u  stop here, and take back everything that this run has changed, proved or not",
];

/// What the keys do in a run that opens a prompt where a step fails, and at that prompt.
const DEBUGGING: &[&str] = &[
    "y  make this change; :undo takes it back",
    "n  do not make it: the step fails, and a prompt opens there; at a prompt, the input ends",
    "a  make it, and every other change of this step without asking again",
    "s  stop here; nothing more is changed, and what was changed stays as it is",
    "u  stop here, and take back everything that was changed, proved or not",
];

/// What the keys do at a prompt.
const PROMPT: &[&str] = &[
    "y  make this change; :undo takes it back",
    "n  do not make it; this input ends, and what it changed and did not prove is taken back",
    "a  make it, and every other change of this step without asking again",
    "s  stop this input; what it has changed stays as it is",
    "u  stop this input, and take back everything that it has changed, proved or not",
];
