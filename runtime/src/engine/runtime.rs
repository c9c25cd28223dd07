//! The tokio runtime under a call: whether it is there, has a clock, and lives.

use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, sleep_until};

use crate::error::Error;
use crate::panics::caught;

/// The time at which `call` begins to drive a run. If it cannot, it is said here,
/// before anything is written, and not as a panic beneath the first node that takes
/// its time.
pub(super) fn begin(call: &'static str) -> Result<Instant, Error> {
    let now = Instant::now();
    // tokio says it in no other way; to ask it first costs as much as a cheap node.
    match caught(|| drop(sleep_until(now))) {
        Ok(()) => Ok(now),
        Err(_) if Handle::try_current().is_ok() => Err(Error::NoTimeDriver { call }),
        Err(_) => Err(Error::NoRuntime { call }),
    }
}

/// Whether `runtime` has been shut down: it takes no task any more.
pub(super) fn is_gone(runtime: &Handle) -> bool {
    let task = pin!(unconstrained(runtime.spawn(ready(()))));
    let polled = task.poll(&mut Context::from_waker(Waker::noop()));
    matches!(polled, Poll::Ready(Err(_)))
}

/// Whether the runtime that this is called on has been shut down.
pub(super) fn is_gone_here() -> bool {
    Handle::try_current().is_ok_and(|runtime| is_gone(&runtime))
}
