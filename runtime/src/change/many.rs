//! Many changes at once.

use super::road::{
    self, Needed, admit, advised, approve, enter, kept_by_this_process, may_go_on, propose, send, unneeded,
};
use super::send::Outcome;
use super::{Change, Changed};
use crate::failure::Failure;
use crate::record::event::Event;
use crate::run::{Mode, Run};
use crate::side_by_side::side_by_side;

/// How many changes are announced together, and may be on their way when the first of them fails.
const AT_ONCE: usize = 64;

/// Makes changes of objects that do not depend on each other. Each takes the road of [`road::change`], but so many of them
/// walk it side by side as the run may have calls in flight, and they share a flush of the record. What stands afterwards
/// is not read back object by object: the proof that has to follow reads all of them.
pub(crate) fn change_all(run: &Run, changes: Vec<Change>) -> Result<Vec<Changed>, Failure> {
    if run.mode() == Mode::Plan {
        return changes.into_iter().map(|one| road::change(run, one)).collect();
    }
    may_go_on(run)?;
    run.gate.locks.hold_all(changes.iter().map(|change| &change.object))?;
    let mut made = Vec::with_capacity(changes.len());
    let mut left = changes.into_iter().peekable();
    while left.peek().is_some() {
        made.extend(some_at_once(run, left.by_ref().take(AT_ONCE).collect())?);
    }
    Ok(made)
}

fn some_at_once(run: &Run, changes: Vec<Change>) -> Result<Vec<Changed>, Failure> {
    let advise = |failure: Failure, change: &Change| advised(failure, &change.object);
    let mut needed = Vec::with_capacity(changes.len());
    for change in &changes {
        needed.push(admit(run, change).map_err(|failure| advise(failure, change))? == Needed::Yes);
    }
    let width = run.gate.meter.in_flight();
    let all: Vec<(&Change, bool)> = changes.iter().zip(needed).collect();
    let tried = side_by_side(width, &all, |(change, needed)| match needed {
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
    let needed: Vec<_> = proposals.iter().flatten().collect();
    let sent = side_by_side(width, &needed, |proposal| send(run, proposal));
    let answers =
        (first..).zip(&sent).map(|(change, outcome)| Event::ChangeAnswered { change, outcome: outcome.event() });
    let answers: Vec<Event> = answers.collect();
    let (mut made, mut failed, mut unknown) = (Vec::with_capacity(changes.len()), None, None);
    let (mut sent, mut number) = (sent.into_iter(), first);
    for (change, proposal) in changes.into_iter().zip(proposals) {
        let Some((proposal, outcome)) = proposal.and_then(|proposal| Some((proposal, sent.next()?))) else {
            made.push(unneeded(change));
            continue;
        };
        let changing = kept_by_this_process(proposal.changing);
        enter(run, number, &changing, &outcome);
        let fields = changing.fields;
        match outcome {
            Outcome::Made(object) => made.push(Changed { number: Some(number), object, fields }),
            Outcome::NotMade(failure) => {
                failed.get_or_insert(advised(failure, &change.object));
            }
            Outcome::Unknown(failure) => {
                unknown.get_or_insert_with(|| failure.clone());
                failed.get_or_insert(advised(failure, &change.object));
            }
        }
        number += 1;
    }
    let recorded = run.journal.flush_all(run.caller.now(), answers);
    if let Some(failure) = unknown {
        run.stop(failure);
    }
    if let Some(failure) = failed {
        return Err(failure);
    }
    recorded.map_err(|failure| {
        let first = made.iter().find_map(|one| one.number).unwrap_or_default();
        failure.unchanged(format!("objects were changed that the record does not say so of, from number {first} on: the run ends and takes them back"))
    })?;
    Ok(made)
}
