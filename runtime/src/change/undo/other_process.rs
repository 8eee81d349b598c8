//! Takes back what another process has done, from its record alone, days later.

use std::path::Path;
use std::sync::Arc;

use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;

use super::{Subject, Undoer};
use crate::change::FIELD_MANAGER;
use crate::failure::{CONFIG, Exit, Failure, INTERRUPTED, RECORD, UNDO_NOTHING};
use crate::gate::lock::Locks;
use crate::record::event::{ChangeOutcome, Changing, Ended, Event, Line, Started, UndoOutcome};
use crate::record::file::RecordFile;
use crate::record::journal::Journal;
use crate::run::{Caller, Latch, Reporter, Stop, between, guard_interrupt, machine, user};
use crate::transport::{Transport, files};

/// A change of a recorded run that stands, as far as its record knows.
#[derive(Clone, Debug)]
pub struct Pending {
    /// The line number of its `Changing`.
    pub number: u64,
    /// The change.
    pub changing: Changing,
    /// The object as the server answered; `None` if no answer was recorded.
    pub post_image: Option<serde_json::Value>,
}

/// The changes of a recorded run that stand and that an undo would take back, newest first.
///
/// # Errors
/// [`RECORD`] when the lines are not those of a run.
pub fn pending(lines: &[Line]) -> Result<Vec<Pending>, Failure> {
    started(lines)?;
    let mut pending: Vec<Pending> = Vec::new();
    for line in lines {
        match &line.event {
            Event::Changing(changing) => {
                pending.push(Pending { number: line.number, changing: (**changing).clone(), post_image: None })
            }
            Event::ChangeAnswered { change, outcome: ChangeOutcome::NotMade { .. } } => {
                pending.retain(|pending| pending.number != *change)
            }
            Event::ChangeAnswered { change, outcome: ChangeOutcome::Made { post_image } } => {
                if let Some(made) = pending.iter_mut().find(|pending| pending.number == *change) {
                    made.post_image = Some(post_image.clone());
                }
            }
            Event::TakenBack { change, outcome } if outcome.is_clean() => {
                let Some(place) = pending.iter().position(|pending| pending.number == *change) else { continue };
                let taken_back = pending.remove(place);
                if *outcome == UndoOutcome::Recreated {
                    let object = &taken_back.changing.object;
                    let older = pending[..place].iter_mut();
                    older
                        .filter(|older| super::same_object(&older.changing.object, object))
                        .for_each(|older| super::forget_uid(&mut older.changing, &mut older.post_image));
                }
            }
            _ => {}
        }
    }
    pending.reverse();
    Ok(super::in_order(pending, |pending| &pending.changing))
}

fn started(lines: &[Line]) -> Result<&Started, Failure> {
    match lines.first().map(|line| &line.event) {
        Some(Event::Started(started)) => Ok(started),
        _ => Err(Failure::new(&RECORD, "the record does not begin with the start of a run")
            .unchanged("nothing was taken back")),
    }
}

/// Takes back what a recorded run has changed and what still stands, and appends what came of it to its record.
///
/// It blocks, so it is called from a thread outside the runtime. An interrupt ends it between two changes.
///
/// # Errors
/// When nothing was tried: the record cannot be opened ([`RECORD`]) or is in use ([`crate::failure::LOCKED`]), the run
/// was made on another cluster ([`CONFIG`]), or nothing of it stands ([`UNDO_NOTHING`]).
pub fn undo(
    record: &Path,
    home: &Path,
    transport: Arc<dyn Transport>,
    reporter: Arc<dyn Reporter>,
    handle: Handle,
    cancel: CancellationToken,
) -> Result<Ended, Failure> {
    let (file, lines) = RecordFile::reopen(record)?;
    let run = started(&lines)?.clone();
    let pending = pending(&lines)?;
    same_cluster(&run, &*transport)?;
    if pending.is_empty() {
        return Err(nothing_stands(&run, &lines));
    }
    let locks = Locks::new(home, format!("{} {}", run.context, run.server), format!("undo of run {}", run.run));
    let objects = pending.iter().map(|change| &change.changing.object);
    locks.hold_all(objects).map_err(|failure| failure.unchanged("nothing was taken back"))?;
    let caller = Caller::new(files::beside(transport, home), handle, Latch::new());
    let _guard = guard_interrupt(&caller, cancel);
    let journal = Journal::new(Ok(file), lines.last().map_or(0, |line| line.number + 1), reporter);
    let begun = caller.now();
    journal
        .flush(begun, Event::Undoing { user: user(), machine: machine() })
        .map_err(|failure| failure.unchanged("nothing was taken back"))?;

    let objects: Vec<(u64, String)> =
        pending.iter().map(|change| (change.number, change.changing.object.to_string())).collect();
    let subjects = pending.into_iter().map(|change| Subject {
        number: change.number,
        changing: change.changing,
        post_image: change.post_image,
        accompanies: false,
    });
    let (mut taken_back, mut left_behind) = (Vec::new(), Vec::new());
    let mut undoer = Undoer { interruptible: true, ..Undoer::new(&caller, &journal, FIELD_MANAGER) };
    undoer.unready =
        made_anew(&lines).iter().find_map(|changing| undoer.until_rolled_out(&changing.object, &changing.pre_image));
    undoer.take_back(subjects.collect(), "undone by a later process", |number, outcome| {
        if outcome.is_clean() {
            taken_back.push(number);
        } else {
            let object =
                objects.iter().find(|(of, _)| *of == number).map(|(_, object)| object.as_str()).unwrap_or_default();
            left_behind.push((number, format!("{object}: {outcome}")));
        }
    });
    let interrupted = matches!(caller.latch.verdict(), Some(Stop::Failed(failure)) if failure.is(&INTERRUPTED));
    let message = match (taken_back.len(), left_behind.len()) {
        (_, 0) => format!("everything that run {} had changed is as before", run.run),
        (0, _) => format!("nothing of run {} could be taken back", run.run),
        (some, others) => format!("{some} of {} changes of run {} are taken back", some + others, run.run),
    };
    let hint = (!left_behind.is_empty()).then(|| {
        if interrupted {
            format!("`meshbook undo {}` goes on with what is left", run.run)
        } else {
            format!(
                "look at what is left (`meshbook runs {}`), settle it by hand with whoever changed it, and undo again",
                run.run
            )
        }
    });
    let ended = Ended {
        exit: if left_behind.is_empty() { Exit::Healthy } else { Exit::Dirty },
        ending: if interrupted && !left_behind.is_empty() { "interrupted" } else { "undone" }.into(),
        message,
        next: None,
        kept: Vec::new(),
        taken_back,
        left_behind,
        took: between(begun, caller.now()),
        code: None,
        unchanged: None,
        hint,
    };
    journal.flush_if_possible(caller.now(), Event::Ended(Box::new(ended.clone())));
    journal.reporter().progress(None);
    Ok(ended)
}

/// The changes whose objects earlier undos of a run have made anew.
fn made_anew(lines: &[Line]) -> Vec<&Changing> {
    let of = |number: u64| {
        lines.iter().find_map(|line| match &line.event {
            Event::Changing(changing) if line.number == number => Some(&**changing),
            _ => None,
        })
    };
    let recreated = lines.iter().filter_map(|line| match &line.event {
        Event::TakenBack { change, outcome: UndoOutcome::Recreated } => Some(*change),
        _ => None,
    });
    recreated.filter_map(of).collect()
}

fn same_cluster(run: &Started, transport: &dyn Transport) -> Result<(), Failure> {
    let (context, server) = transport.place();
    if (&context, &server) == (&run.context, &run.server) {
        return Ok(());
    }
    Err(Failure::new(
        &CONFIG,
        format!("run {} was made on {} ({}), not on {context} ({server})", run.run, run.context, run.server),
    )
    .unchanged("nothing was taken back")
    .hint(format!("undo it there: `meshbook undo {} --context {}`", run.run, run.context)))
}

fn nothing_stands(run: &Started, lines: &[Line]) -> Failure {
    let changed = lines.iter().any(|line| matches!(line.event, Event::Changing(_)));
    let undone = lines.iter().rev().find_map(|line| match &line.event {
        Event::Undoing { user, machine } => Some(format!("{user} on {machine} took it back at {}", line.at)),
        _ => None,
    });
    let why = match (undone, changed) {
        (Some(undone), _) => format!("nothing of run {} stands any more: {undone}", run.run),
        (None, true) => format!("nothing of run {} stands: it took back its changes itself, or none was made", run.run),
        (None, false) => format!("run {} changed nothing", run.run),
    };
    Failure::new(&UNDO_NOTHING, why)
        .unchanged("nothing was changed")
        .hint(format!("`meshbook runs {}` shows what it did", run.run))
}
