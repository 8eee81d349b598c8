//! placeholder
use jiff::Timestamp;
use crate::mesh::State;
use crate::mesh::page::{Ask, Page};
/// page
pub fn page(_s: &State, _a: &Ask, _n: Timestamp) -> Page { Page::json("{}") }
