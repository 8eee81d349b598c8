//! The lab's time. Nothing in the lab reads the machine's clock but this file.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;

/// When every lab begins, so that a run is repeatable: 2026-01-05T09:00:00Z.
pub const START: i64 = 1_767_603_600;

/// A clock that stands still until somebody advances it. Clones share one time.
#[derive(Clone, Debug)]
pub struct LabClock(Arc<Mutex<Timestamp>>);

impl Default for LabClock {
    fn default() -> Self {
        let start = Timestamp::from_second(START).expect("a second within jiff's range");
        LabClock(Arc::new(Mutex::new(start)))
    }
}

impl LabClock {
    /// A clock that stands at a moment of its own, for tests that replay recordings.
    pub fn at(start: Timestamp) -> LabClock {
        LabClock(Arc::new(Mutex::new(start)))
    }

    /// A clock for outside clients, which compare times with their own: it stands so long before the wall clock's present.
    pub fn before_present(by: Duration) -> LabClock {
        let by = jiff::SignedDuration::try_from(by).unwrap_or_default();
        LabClock::at(Timestamp::now().saturating_sub(by).unwrap_or(Timestamp::MIN))
    }

    /// The lab's present time.
    pub fn now(&self) -> Timestamp {
        *self.0.lock().expect("no holder of the lab's clock panics")
    }

    /// Moves the time forward. Only `mesh::Mesh::advance` calls this: it also moves the traffic.
    pub(crate) fn advance(&self, by: Duration) {
        let mut now = self.0.lock().expect("no holder of the lab's clock panics");
        let step = jiff::SignedDuration::try_from(by).unwrap_or(jiff::SignedDuration::MAX);
        *now = now.saturating_add(step).unwrap_or(Timestamp::MAX);
    }
}
