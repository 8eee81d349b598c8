//! What happens while a line is typed: is it complete, what could follow.

use std::borrow::Cow;
use std::sync::Arc;

use meshbook_runtime::engine::prompt::Completeness;
use rustyline::completion::{Completer, Pair};
use rustyline::highlight::Highlighter;
use rustyline::hint::{Hint, Hinter};
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{Context, Helper};

use crate::complete::{Completion, Live};
use crate::front::{Front, Ink};
use crate::session::Session;

/// What the editor asks while a line is typed. It looks at what is at hand, and never runs an effect.
pub(crate) struct Typing {
    completeness: Arc<Completeness>,
    completion: Completion,
    front: Arc<dyn Front>,
}

impl Typing {
    /// For the next input: the variables are those of now.
    pub(crate) fn new(session: &Session, completeness: &Arc<Completeness>, live: &Live) -> Typing {
        Typing {
            completeness: Arc::clone(completeness),
            completion: Completion::new(
                *session.library(),
                session.prompt.variables(),
                Some((live.clone(), session.run().namespace().to_owned())),
            ),
            front: session.shared_front(),
        }
    }
}

impl Helper for Typing {}

/// What is said beside the cursor: shown, and never typed.
pub(crate) struct Aside(String);

impl Hint for Aside {
    fn display(&self) -> &str {
        &self.0
    }

    fn completion(&self) -> Option<&str> {
        None
    }
}

impl Hinter for Typing {
    type Hint = Aside;

    fn hint(&self, line: &str, pos: usize, _: &Context<'_>) -> Option<Aside> {
        if pos < line.len() {
            return None;
        }
        self.completion.hint(line).map(Aside)
    }
}

impl Highlighter for Typing {
    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(self.front.paint(Ink::Dim, hint))
    }
}

impl Validator for Typing {
    fn validate(&self, context: &mut ValidationContext) -> rustyline::Result<ValidationResult> {
        let input = context.input();
        let text = input.trim();
        // An empty line always ends an input: whoever is lost in an open brace gets out, and sees why.
        let ends_empty = input.rsplit_once('\n').is_some_and(|(_, last)| last.trim().is_empty());
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
        let (start, found) = self.completion.candidates(&line[..pos]);
        let pairs = found.into_iter().map(|found| Pair { display: found.shown, replacement: found.text });
        Ok((start, pairs.collect()))
    }
}
