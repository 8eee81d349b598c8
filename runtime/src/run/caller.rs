//! Calls the transport from the script's thread.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::runtime::Handle;

use super::held::Held;
use super::latch::Latch;
use super::wall;
use crate::effect::{Call, Reply};
use crate::failure::{Failure, UNREACHABLE};
use crate::transport::Transport;

/// How long a call may hang that must not be cut off: a change that was sent, a look at what became of it.
/// The transport's own limits are shorter.
const LONGEST: Duration = Duration::from_secs(60);

/// The transport, and the latch that cuts waiting short.
pub(crate) struct Caller {
    pub(crate) transport: Arc<dyn Transport>,
    pub(crate) handle: Handle,
    pub(crate) latch: Arc<Latch>,
    last: Held<Timestamp>,
}

impl Caller {
    pub(crate) fn new(transport: Arc<dyn Transport>, handle: Handle, latch: Arc<Latch>) -> Self {
        Caller { transport, handle, latch, last: Held::new(Timestamp::UNIX_EPOCH) }
    }

    /// The run's time. If the clock does not answer, the last time that it told.
    pub(crate) fn now(&self) -> Timestamp {
        match self.firmly(&Call::Now) {
            Ok(Reply::Time(now)) => {
                *self.last.lock() = now;
                now
            }
            _ => *self.last.lock(),
        }
    }

    /// Waits for an operation that a stop of the run cuts short.
    pub(crate) fn unless_stopped<T>(&self, operation: impl Future<Output = T>) -> Result<T, Failure> {
        if let Some(failure) = self.latch.failure() {
            return Err(failure);
        }
        let outcome = self.handle.block_on(async {
            tokio::select! {
                biased;
                () = self.latch.raised() => None,
                outcome = operation => Some(outcome),
            }
        });
        outcome.ok_or_else(|| self.latch.failure().unwrap_or_else(super::latch::deadline))
    }

    /// Makes a call that no stop of the run cuts short.
    pub(crate) fn firmly(&self, call: &Call) -> Result<Reply, Failure> {
        self.handle
            .block_on(wall::within(LONGEST, self.transport.call(call)))
            .unwrap_or_else(|| Err(Failure::new(&UNREACHABLE, format!("no answer within {} s", LONGEST.as_secs()))))
    }
}
