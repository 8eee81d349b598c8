//! A budget of reads protects the cluster from its own diagnosis.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::failure::{BUDGET, Failure};

/// How much a run may ask of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Budget {
    /// At most so many reads and probes in the whole run.
    pub reads: u64,
    /// At most so many at once.
    pub in_flight: usize,
}

impl Default for Budget {
    fn default() -> Self {
        Budget { reads: 20_000, in_flight: 16 }
    }
}

/// What is left of a budget.
pub(crate) struct Meter {
    budget: Budget,
    spent: AtomicU64,
}

impl Meter {
    pub(crate) fn new(budget: Budget) -> Self {
        Meter { budget, spent: AtomicU64::new(0) }
    }

    pub(crate) fn in_flight(&self) -> usize {
        self.budget.in_flight.max(1)
    }

    /// Begins anew: each input of a prompt has the whole budget.
    pub(crate) fn renew(&self) {
        self.spent.store(0, Ordering::Relaxed);
    }

    /// Goes on where it was.
    pub(crate) fn set(&self, spent: u64) {
        self.spent.store(spent, Ordering::Relaxed);
    }

    /// How many reads and probes were made.
    pub(crate) fn spent(&self) -> u64 {
        self.spent.load(Ordering::Relaxed)
    }

    /// Takes one read from the budget.
    pub(crate) fn spend(&self, target: &str) -> Result<(), Failure> {
        let limit = self.budget.reads;
        self.spent
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |spent| (spent < limit).then_some(spent + 1))
            .map(drop)
            .map_err(|_| {
                Failure::new(&BUDGET, format!("{target} was not read: the run's budget of {limit} reads is spent"))
                    .hint("narrow what the runbook looks at, or raise the budget if the cluster can bear it")
            })
    }
}
