//! A point in time to wait for.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::{Handle, Id};
use tokio::time::{Instant, Sleep, sleep_until};

use crate::panics::caught;

/// Waits until then on whatever runtime it is polled, even if that changes:
/// the timers of a runtime that is shut down, or that nobody drives, never
/// go off.
pub(in crate::engine) struct Timer {
    due: Instant,
    sleep: Option<(Id, Pin<Box<Sleep>>)>,
}

/// `delay` after `now`; a time beyond what the clock can count never comes.
pub(in crate::engine) fn later(now: Instant, delay: Duration) -> Instant {
    let never = || now + Duration::from_secs(1 << 30);
    now.checked_add(delay).unwrap_or_else(never)
}

/// The runtime is shut down, or has no clock.
#[derive(Debug)]
pub(in crate::engine) struct NoClock;

impl Timer {
    pub(in crate::engine) const fn until(due: Instant) -> Self {
        Self { due, sleep: None }
    }

    /// `delay` from now, or never.
    pub(in crate::engine) fn after(delay: Duration) -> Self {
        Self::until(later(Instant::now(), delay))
    }

    fn poll_here(&mut self, task: &mut Context<'_>) -> Poll<()> {
        let here = Handle::current().id();
        if self.sleep.as_ref().is_none_or(|(there, _)| *there != here) {
            self.sleep = None;
        }
        let due = self.due;
        let sleep = || (here, Box::pin(sleep_until(due)));
        let (_, sleep) = self.sleep.get_or_insert_with(sleep);
        sleep.as_mut().poll(task)
    }
}

impl Future for Timer {
    type Output = Result<(), NoClock>;

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // tokio reports it by a panic.
        match caught(|| this.poll_here(task)) {
            Ok(polled) => polled.map(Ok),
            Err(_) => Poll::Ready(Err(NoClock)),
        }
    }
}
