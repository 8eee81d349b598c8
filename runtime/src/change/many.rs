//! Many changes at once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::road::{
    self, Needed, admit, advised, approve, enter, kept_by_this_process, may_go_on, propose, send, unneeded,
};
use super::send::Outcome;
use super::{Change, Changed};
use crate::failure::Failure;
use crate::record::event::Event;
use crate::run::{Mode, Run};

/// How many changes are announced together, and may be on their way when the first of them fails.
const AT_ONCE: usize = 64;

/// Makes changes of objects that do not depend on each other. Each takes the road of [`road::change`], but so many of them walk it
/// side by side as the run may have calls in flight, and they share a flush of the record. What stands afterwards is not
/// read back object by object: the proof that has to follow reads all of them.
pub(crate) fn change_all(run: &Run, changes: Vec<Change>) -> Result<Vec<Changed>, Failure> {
    if run.mode() == Mode::Plan {
        return changes.into_iter().map(|one| road::change(run, one)).collect();
    }
    may_go_on(run)?;
    run.gate.locks.hold_all(changes.iter().map(|change| &change.object))?;
    let mut made = Vec::with_capacity(changes.len());
    let mut left = changes.into_iter();
    loop {
        let some: Vec<Change> = left.by_ref().take(AT_ONCE).collect();
        if some.is_empty() {
            return Ok(made);
        }
        made.extend(some_at_once(run, some)?);
    }
}

fn some_at_once(run: &Run, changes: Vec<Change>) -> Result<Vec<Changed>, Failure> {
    let advise = |failure: Failure, change: &Change| advised(failure, &change.object);
    let mut needed = Vec::with_capacity(changes.len());
    for change in &changes {
        needed.push(admit(run, change).map_err(|failure| advise(failure, change))? == Needed::Yes);
    }
    let width = run.gate.meter.in_flight();
    let tried = side_by_side(width, changes.iter().zip(needed).collect(), |(change, needed)| match needed {
        true => propose(run, change).map_err(|failure| advise(failure, change)),
        false => Ok(None),
    });
    let proposals = tried.into_iter().collect::<Result<Vec<_>, Failure>>()?;
    for proposal in proposals.iter().flatten() {
        approve(run, proposal).map_err(|failure| advised(failure, &proposal.changing.object))?;
    }
    may_go_on(run)?;
    let announced = proposals.iter().flatten().map(|one| Event::Changing(Box::new(one.changing.clone()))).collect();
    let first = run.journal.flush_all(run.caller.now(), announced)?;
    let sent = side_by_side(width, proposals.iter().flatten().collect(), |proposal| send(run, proposal));
    let answers =
        (first..).zip(&sent).map(|(change, outcome)| Event::ChangeAnswered { change, outcome: outcome.event() });
    let answers: Vec<Event> = answers.collect();
    let (mut made, mut failed, mut sent, mut number) =
        (Vec::with_capacity(changes.len()), None, sent.into_iter(), first);
    for (change, proposal) in changes.into_iter().zip(proposals) {
        let Some((proposal, outcome)) = proposal.and_then(|proposal| Some((proposal, sent.next()?))) else {
            made.push(unneeded(change));
            continue;
        };
        let changing = kept_by_this_process(proposal.changing);
        let fields = changing.fields.clone();
        enter(run, number, changing, &outcome);
        match outcome {
            Outcome::Made(object) => made.push(Changed { number: Some(number), object, fields }),
            Outcome::NotMade(failure) | Outcome::Unknown(failure) => {
                failed.get_or_insert(advised(failure, &change.object));
            }
        }
        number += 1;
    }
    let recorded = run.journal.flush_all(run.caller.now(), answers);
    if let Some(failure) = failed {
        return Err(failure);
    }
    recorded.map_err(|failure| {
        let first = made.iter().find_map(|one| one.number).unwrap_or_default();
        failure.unchanged(format!("objects were changed that the record does not say so of, from number {first} on: the run ends and takes them back"))
    })?;
    Ok(made)
}

/// Does something with each item, so many at once, and answers in the order of the items.
fn side_by_side<T: Send, R: Send>(width: usize, items: Vec<T>, each: impl Fn(T) -> R + Sync) -> Vec<R> {
    let count = items.len();
    let next = Mutex::new(items.into_iter().enumerate());
    let answers = Mutex::new(Vec::with_capacity(count));
    std::thread::scope(|scope| {
        for _ in 0..width.min(count) {
            scope.spawn(|| {
                while let Some((place, item)) = locked(&next).next() {
                    let answer = each(item);
                    locked(&answers).push((place, answer));
                }
            });
        }
    });
    let mut answers = answers.into_inner().unwrap_or_else(PoisonError::into_inner);
    answers.sort_by_key(|(place, _)| *place);
    answers.into_iter().map(|(_, answer)| answer).collect()
}

/// A thread that panicked ends the scope by its panic; until then what it held is whole.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
