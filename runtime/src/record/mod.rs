//! The record: one append-only file for each run, a line for each event.
//!
//! It is at once the audit log, the timeline of the post-mortem, the source of undo, the checkpoint of resume, and a
//! fixture for tests. [`event`] says what a line holds, [`mod@file`] writes and reads it, [`list`] finds it again,
//! [`redact`] keeps secrets out.

pub mod event;
pub mod file;
pub(crate) mod journal;
pub mod list;
pub mod redact;
