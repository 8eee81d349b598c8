//! The road's second station: numbers the events of a run, keeps secrets out, writes them down, and reports them.

use std::path::PathBuf;
use std::sync::Arc;

use jiff::Timestamp;

use super::event::{Event, Line};
use super::file::RecordFile;
use super::redact;
use crate::effect::Reply;
use crate::failure::{Failure, RECORD};
use crate::run::Reporter;
use crate::run::held::Held;

/// Where the events of one run go.
pub(crate) struct Journal {
    reporter: Arc<dyn Reporter>,
    /// Where the record is, if it could be made.
    path: Option<PathBuf>,
    state: Held<State>,
}

struct State {
    file: Option<RecordFile>,
    /// Why there is no file, or why it took no more.
    broken: Option<String>,
    next: u64,
}

impl Journal {
    /// A journal that goes on at `next`.
    pub(crate) fn new(file: Result<RecordFile, String>, next: u64, reporter: Arc<dyn Reporter>) -> Self {
        let (file, broken) = match file {
            Ok(file) => (Some(file), None),
            Err(why) => (None, Some(why)),
        };
        let path = file.as_ref().map(|file| file.path().to_owned());
        Journal { reporter, path, state: Held::new(State { file, broken, next }) }
    }

    /// Writes an event. If the disk does not take it, the run may go on reading, and a person is told once.
    pub(crate) fn note(&self, at: Timestamp, event: Event) -> u64 {
        self.pass(at, event).0.number
    }

    /// Writes an event as [`Journal::note`] does, and gives it back as it was written, with the reply that it had before
    /// secrets were kept out of it.
    pub(crate) fn pass(&self, at: Timestamp, event: Event) -> (Line, Option<Reply>) {
        let Written { line, whole, failed } = self.write(at, event, false);
        if let Some(why) = failed {
            let message =
                format!("the record cannot be written any more: {why}; reads go on, but nothing will be changed");
            self.write(at, Event::Warning { message }, false);
        }
        (line, whole)
    }

    /// Writes an event and flushes it to the disk.
    ///
    /// # Errors
    /// [`RECORD`] if the disk did not take it. The reporter has not seen it then.
    pub(crate) fn flush(&self, at: Timestamp, event: Event) -> Result<u64, Failure> {
        self.flush_all(at, vec![event])
    }

    /// Writes events, all or none, flushes them to the disk once, and answers the number of the first.
    ///
    /// # Errors
    /// As of [`Journal::flush`].
    pub(crate) fn flush_all(&self, at: Timestamp, events: Vec<Event>) -> Result<u64, Failure> {
        let mut state = self.state.lock();
        let first = state.next;
        let lines: Vec<Line> = (first..).zip(events).map(|(number, event)| line(number, at, event).0).collect();
        let written = match &mut state.file {
            Some(file) => file.append_all(&lines, true).map_err(|error| error.to_string()),
            None => Err(state.broken.clone().unwrap_or_default()),
        };
        match written {
            Ok(()) => {
                state.next += lines.len() as u64;
                state.broken = None;
                for line in &lines {
                    self.reporter.line(line);
                }
                Ok(first)
            }
            Err(why) => {
                let failure = unwritable(&why);
                state.broken = Some(why);
                Err(failure)
            }
        }
    }

    /// Writes an event that has to be reported even if the disk does not take it: what was changed is taken back all
    /// the same. Flushed if it can be.
    pub(crate) fn flush_if_possible(&self, at: Timestamp, event: Event) -> u64 {
        self.write(at, event, true).line.number
    }

    /// Writes a run's last event. It is flushed if one before it was: the record of a run that has only read does not
    /// wait for the disk.
    pub(crate) fn end(&self, at: Timestamp, event: Event) -> u64 {
        let flush = self.state.lock().file.as_ref().is_some_and(RecordFile::is_flushed);
        self.write(at, event, flush).line.number
    }

    /// Why nothing may be changed, if the record cannot be written.
    pub(crate) fn broken(&self) -> Option<Failure> {
        self.state.lock().broken.as_deref().map(unwritable)
    }

    /// Where the record is, if there is one.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        self.path.clone()
    }

    /// From here on the disk is full.
    #[cfg(all(test, target_os = "linux"))]
    pub(crate) fn fill_up(&self) {
        self.state.lock().file.as_mut().expect("the run has a record").fill_up();
    }

    /// Gives the file and its lock back. Later events are reported only.
    pub(crate) fn close(&self) {
        self.state.lock().file = None;
    }

    pub(crate) fn reporter(&self) -> &dyn Reporter {
        &*self.reporter
    }

    fn write(&self, at: Timestamp, event: Event, flush: bool) -> Written {
        let mut state = self.state.lock();
        let (line, whole) = line(state.next, at, event);
        state.next += 1;
        let mut failed = None;
        if let Some(file) = &mut state.file
            && let Err(error) = file.append(&line, flush)
        {
            failed = state.broken.is_none().then(|| error.to_string());
            state.broken = Some(error.to_string());
        }
        self.reporter.line(&line);
        Written { line, whole, failed }
    }
}

/// What became of an event.
struct Written {
    line: Line,
    /// Its reply, if secrets were kept out of it.
    whole: Option<Reply>,
    /// Why it was not written, if this is news.
    failed: Option<String>,
}

fn line(number: u64, at: Timestamp, mut event: Event) -> (Line, Option<Reply>) {
    let whole = redact::event(&mut event);
    (Line { number, at, event }, whole)
}

fn unwritable(why: &str) -> Failure {
    Failure::new(&RECORD, format!("the run's record cannot be written: {why}"))
        .hint("free space or make the directory `runs` below $MESHBOOK_HOME writable, or set MESHBOOK_HOME; without a record nothing may be changed")
}
