//! The conversation at a terminal: read a line, carry it out, until the person leaves.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::Duration;

use meshbook_runtime::engine::prompt::Completeness;
use meshbook_runtime::failure::{Failure, INTERNAL};
use rustyline::error::ReadlineError;
use rustyline::history::FileHistory;
use rustyline::{ColorMode, CompletionType, Config, Editor};

use crate::complete::Live;
use crate::front::Ink;
use crate::history::Kept;
use crate::session::{Next, Session};
use crate::typing::Typing;
use crate::{Desk, line};

/// How long the first prompt waits for the news that the cluster does not answer. A person does not notice it.
const FIRST_LOOK: Duration = Duration::from_millis(60);

/// Talks until the person leaves, or lets a runbook that waits go on. Answers which.
pub(crate) fn converse(session: &mut Session, desk: &Desk, reach: Option<crate::Reach>) -> Result<Next, Failure> {
    let failed = |error: ReadlineError| Failure::new(&INTERNAL, format!("the terminal cannot be used: {error}"));
    let colour = if desk.front.colour() { ColorMode::Enabled } else { ColorMode::Disabled };
    let config = Config::builder()
        .auto_add_history(false)
        .history_ignore_space(true)
        .history_ignore_dups(true)
        .map_err(failed)?
        .completion_type(CompletionType::List)
        .completion_show_all_if_ambiguous(true)
        .bracketed_paste(true)
        .color_mode(colour)
        .build();
    let history = FileHistory::with_config(&config);
    let mut editor: Editor<Typing, FileHistory> = Editor::with_history(config, history).map_err(failed)?;
    let kept = Kept::load(&desk.home, &mut editor);
    let mut reach = Reach { news: reach };
    reach.look(session, Some(FIRST_LOOK));
    let completeness = Arc::new(Completeness::default());
    let live = Live::new(Arc::clone(&desk.transport), desk.handle.clone());
    let mut cancelled = false;
    while !desk.interrupts.is_leaving() {
        editor.set_helper(Some(Typing::new(session, &completeness, &live)));
        let (raw, painted) = line::prompt(&desk.place, session.run(), &*desk.front);
        let waits = if session.stopped.is_some() { "stopped, " } else { "" };
        let prompt = (format!("{waits}{raw}"), format!("{}{painted}", desk.front.paint(Ink::Notice, waits)));
        let input = editor.readline(&prompt);
        if desk.interrupts.is_leaving() {
            break;
        }
        // The first Ctrl-C throws away what was typed; whoever presses it again wants to go.
        let again = std::mem::replace(&mut cancelled, matches!(input, Err(ReadlineError::Interrupted)));
        match input {
            Ok(input) => {
                kept.add(&input, &mut editor);
                match session.take(&input) {
                    Next::Go => {}
                    Next::Leave if session.may_leave() => break,
                    Next::Leave => session.onward = None,
                    on @ (Next::Continue | Next::Retry) => return Ok(on),
                }
            }
            Err(ReadlineError::Interrupted) if !again => {}
            Err(ReadlineError::Interrupted) => {
                desk.front.say(&desk.front.paint(Ink::Dim, "Nothing is under way. :quit or Ctrl-D leaves."));
            }
            Err(ReadlineError::Eof) if session.may_leave() => break,
            Err(ReadlineError::Eof | ReadlineError::Signal(_)) => {}
            // The terminal is gone, so nobody can be asked: what stands stays, and the record says so.
            Err(_) => break,
        }
        if desk.interrupts.is_leaving() {
            break;
        }
        reach.look(session, None);
    }
    Ok(Next::Leave)
}

/// Whether the cluster answers: said once, in one line, between two prompts.
struct Reach {
    news: Option<Receiver<Result<(), Failure>>>,
}

impl Reach {
    fn look(&mut self, session: &Session, wait: Option<Duration>) {
        let Some(news) = &self.news else { return };
        let news = match wait {
            Some(wait) => news.recv_timeout(wait).map_err(|_| TryRecvError::Empty),
            None => news.try_recv(),
        };
        match news {
            Ok(Err(failure)) => {
                let front = session.front();
                front.say(&format!(
                    "{} {} The lab and records do: :lab WORLD, :replay RUN.",
                    front.paint(Ink::Bad, "The cluster does not answer:"),
                    sentence(&failure.message)
                ));
                self.news = None;
            }
            Ok(Ok(())) | Err(TryRecvError::Disconnected) => self.news = None,
            Err(TryRecvError::Empty) => {}
        }
    }
}

/// On one line, and with its full stop.
fn sentence(message: &str) -> String {
    let words: Vec<_> = message.split_whitespace().collect();
    format!("{}.", words.join(" ").trim_end_matches('.'))
}
