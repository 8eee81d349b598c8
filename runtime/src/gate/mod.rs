//! May this happen, now, here? Every effect passes, whoever asks: a script, a module, the prompt, a job.

pub mod approval;
pub mod budget;

pub use approval::Approval;
pub use budget::Budget;

use crate::effect::{Call, Class, Effect};
use crate::failure::{DENIED, Failure, INTERNAL};
use crate::run::Settings;

pub(crate) mod overlay;

/// The guard of one run.
pub(crate) struct Gate {
    read_only: bool,
    namespaces: Vec<String>,
    pub(crate) meter: budget::Meter,
    pub(crate) overlay: overlay::Overlay,
    /// Locks of objects of different clusters differ by this.
    pub(crate) lock_space: String,
}

impl Gate {
    pub(crate) fn new(settings: &Settings, lock_space: String) -> Self {
        Gate {
            read_only: settings.read_only,
            namespaces: settings.namespaces.clone(),
            meter: budget::Meter::new(settings.budget),
            overlay: overlay::Overlay::default(),
            lock_space,
        }
    }

    /// Gives the locks back.
    pub(crate) fn release(&self) {}

    /// May this be looked at?
    pub(crate) fn admit(&self, effect: &Effect) -> Result<(), Failure> {
        let changes = match &effect.call {
            Call::Patch { .. } => true,
            Call::Pod(request) => effect.class == Class::Read && request.method != "GET",
            _ => false,
        };
        if changes || effect.class > Class::Probe {
            return Err(Failure::new(&INTERNAL, format!("{} on {} changes something, but was asked for as a read", effect.summary, effect.target))
                .unchanged(format!("{} was not changed", effect.target)));
        }
        if self.read_only && effect.class == Class::Probe {
            return Err(Failure::new(&DENIED, format!("{} on {} is a probe, and the run is read-only", effect.summary, effect.target))
                .hint("leave out `--read-only` if the probe may be made"));
        }
        self.overlay.admit(effect)?;
        if !matches!(effect.call, Call::Now | Call::Sleep { .. }) {
            self.meter.spend(&effect.target)?;
        }
        Ok(())
    }
}
