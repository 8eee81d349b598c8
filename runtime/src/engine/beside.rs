//! In which cluster a primitive reads: the run's own, or the second one.
//!
//! A function reads in the second cluster within the closure of `Context.read`, and a method reads where its receiver was
//! read. So that it is known where a value was read, those of the second cluster are marked by Rhai's tag of a value, which
//! its copies keep. A call that would read with values of both clusters is an error.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use rhai::{Array, Dynamic, Map};

use super::session::{Session, Tag};
use crate::failure::{Failure, TYPE};
use crate::primitive::Primitive;
use crate::run::Run;
use crate::value::{Context, List, Quantity, Span};

/// The tag of values of the second cluster.
const SECOND: i32 = 2;

/// A cluster of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Side {
    /// Its own.
    Own,
    /// The second one.
    Second,
}

/// Where a value was read.
fn side_of(value: &Dynamic) -> Side {
    if value.flatten_clone().tag() == SECOND { Side::Second } else { Side::Own }
}

/// Where a primitive reads.
pub(super) fn of(session: &Session, primitive: &Primitive, args: &[&mut Dynamic]) -> Side {
    match (primitive.receiver, args.first()) {
        (Some(_), Some(receiver)) => side_of(receiver),
        _ if session.beside.load(Ordering::Relaxed) > 0 => Side::Second,
        _ => Side::Own,
    }
}

/// The run, or its view of the second cluster.
pub(super) fn run(session: &Session, side: Side) -> Result<Arc<Run>, Failure> {
    match side {
        Side::Own => Ok(session.run.clone()),
        Side::Second => session.run.second().cloned(),
    }
}

/// Makes sure that a call that takes the road has values of one cluster only.
pub(super) fn unmixed(
    session: &Session,
    primitive: &Primitive,
    side: Side,
    receiver: Option<&Dynamic>,
    args: &[Dynamic],
) -> Result<(), Failure> {
    if primitive.class.is_none() {
        return Ok(());
    }
    let stray = receiver.into_iter().chain(args).find(|value| {
        session.nouns.contains_key(&value.type_id()) && !is_of_no_cluster(value) && side_of(value) != side
    });
    let Some(stray) = stray else { return Ok(()) };
    let noun = session.nouns.get(&stray.type_id()).copied().unwrap_or_default();
    let (there, here) = match side {
        Side::Own => ("the second cluster", "the run's own cluster"),
        Side::Second => ("the run's own cluster", "the second cluster"),
    };
    Err(Failure::new(&TYPE, format!("`{}` reads in {here}, and this {noun} was read in {there}", primitive.name))
        .unchanged("nothing was read or changed by this call")
        .hint("read both in the same cluster: what `NAME.read(|| …)` gives is of the second one"))
}

/// What means the same everywhere: a span of time, a quantity, the name of a context.
fn is_of_no_cluster(value: &Dynamic) -> bool {
    value.is::<Span>() || value.is::<Quantity>() || value.is::<Context>()
}

/// Marks a value of the second cluster, and what it holds.
pub(super) fn mark(mut value: Dynamic) -> Dynamic {
    if value.is::<List>() {
        let list = value.cast::<List>();
        value = Dynamic::from(list.only(list.items().iter().cloned().map(mark)));
    } else if value.is_array() {
        value = value.cast::<Array>().into_iter().map(mark).collect::<Array>().into();
    } else if value.is_map() {
        value = value.cast::<Map>().into_iter().map(|(key, value)| (key, mark(value))).collect::<Map>().into();
    }
    value.set_tag(SECOND);
    value
}

/// While it lives, functions read in the second cluster.
pub(crate) struct Within(Tag);

impl Within {
    pub(crate) fn begin(session: &Tag) -> Self {
        session.beside.fetch_add(1, Ordering::Relaxed);
        Within(session.clone())
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        self.0.beside.fetch_sub(1, Ordering::Relaxed);
    }
}
