//! What a plan's reads see: the cluster as it would be after the changes planned so far.

use crate::effect::{Call, Effect, Reply};
use crate::failure::Failure;

/// Planned objects by their place.
#[derive(Default)]
pub(crate) struct Overlay;

impl Overlay {
    pub(crate) fn admit(&self, _effect: &Effect) -> Result<(), Failure> {
        Ok(())
    }

    pub(crate) fn has_planned(&self) -> bool {
        false
    }

    pub(crate) fn over(&self, _call: &Call, reply: Reply) -> Reply {
        reply
    }
}
