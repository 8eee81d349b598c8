//! The clock. The only place in the runtime that reads the time or lets it pass.

use std::time::Duration;

use futures::future::{BoxFuture, FutureExt};
use jiff::Timestamp;

/// Where a run's time comes from: the machine, or the lab's virtual clock.
pub trait Clock: Send + Sync + 'static {
    /// The present time.
    fn now(&self) -> Timestamp;

    /// Lets `duration` pass.
    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()>;
}

/// The machine's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct WallClock;

impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<'_, ()> {
        tokio::time::sleep(duration).boxed()
    }
}
