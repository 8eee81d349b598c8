//! What happens while a line is typed: is it complete, what could follow.

use std::borrow::Cow;

use meshbook_runtime::engine::prompt::Completeness;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::Hinter;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use crate::command;
use crate::session::Session;

/// What the editor asks while a line is typed. It looks at what is at hand, and never runs an effect.
pub(crate) struct Typing {
    completeness: Completeness,
}

impl Typing {
    pub(crate) fn new(_: &Session) -> Typing {
        Typing { completeness: Completeness::default() }
    }
}

impl Helper for Typing {}

impl Hinter for Typing {
    type Hint = String;
}

impl Highlighter for Typing {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Borrowed(hint)
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let text = input.trim();
        // An empty line always ends an input: whoever is lost in an open brace gets out, and sees why.
        let ends_empty = input.lines().count() > 1 && input.lines().last().is_some_and(|line| line.trim().is_empty())
            || input.ends_with('\n');
        let other = text.is_empty() || text.starts_with(':') || text.ends_with('?');
        Ok(if !other && !ends_empty && self.completeness.wants_more(input) {
            ValidationResult::Incomplete
        } else {
            ValidationResult::Valid(None)
        })
    }
}

impl Completer for Typing {
    type Candidate = Pair;

    fn complete(&self, line: &str, pos: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let typed = &line[..pos];
        if typed.starts_with(':') && !typed.contains(' ') {
            let commands = command::COMMANDS.iter().filter(|command| command.name.starts_with(typed));
            return Ok((
                0,
                commands
                    .map(|command| Pair {
                        display: format!("{:<24} {}", command.usage(), command.summary),
                        replacement: format!("{} ", command.name),
                    })
                    .collect(),
            ));
        }
        Ok((pos, Vec::new()))
    }
}
