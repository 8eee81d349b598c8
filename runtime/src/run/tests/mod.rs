//! Tests of the whole road, on a cluster in memory.

mod brief;
mod change;
mod creation;
mod deletion;
mod ending;
mod invariants;
mod levels;
mod many;
mod plan;
mod read;
mod second;
mod undo;
