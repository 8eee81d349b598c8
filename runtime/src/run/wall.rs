//! The machine's own clock, in its only two uses: how long an effect took, and guards that end what hangs.
//!
//! Everything that a script or a record calls time comes from the transport, where it may be virtual.

use std::future::Future;
use std::time::{Duration, Instant};

use tokio::runtime::Handle;
use tokio::task::AbortHandle;

/// Measures how long something took on the wall clock.
pub struct Stopwatch(Instant);

impl Stopwatch {
    /// Starts now.
    pub fn start() -> Self {
        Stopwatch(Instant::now())
    }

    /// Time since the start.
    pub fn took(&self) -> Duration {
        self.0.elapsed()
    }
}

/// Does something once so much time has passed, unless it is dropped before.
///
/// It ends a loop that never asks the run's clock, and a call that never comes back. Where the run's clock is virtual,
/// whichever of the two reaches its limit first ends the wait.
pub(crate) struct Guard(AbortHandle);

impl Guard {
    /// Sets the guard.
    pub(crate) fn after(handle: &Handle, limit: Duration, act: impl FnOnce() + Send + 'static) -> Self {
        let task = handle.spawn(async move {
            tokio::time::sleep(limit).await;
            act();
        });
        Guard(task.abort_handle())
    }

    /// Does something once `event` happens, unless the guard is dropped before.
    pub(crate) fn when(
        handle: &Handle,
        event: impl Future<Output = ()> + Send + 'static,
        act: impl FnOnce() + Send + 'static,
    ) -> Self {
        let task = handle.spawn(async move {
            event.await;
            act();
        });
        Guard(task.abort_handle())
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Waits for an operation, but no longer than `limit`.
pub(crate) async fn within<T>(limit: Duration, operation: impl Future<Output = T>) -> Option<T> {
    tokio::time::timeout(limit, operation).await.ok()
}
