//! The tokio runtime under a call: whether it is there, has a clock, and lives.

use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::coop::unconstrained;
use tokio::time::sleep;

use crate::error::Error;
use crate::panics::caught;

/// Says, before anything is written, what would otherwise show as a panic beneath
/// the first node that takes its time.
pub(super) fn check(call: &'static str) -> Result<(), Error> {
    if Handle::try_current().is_err() {
        return Err(Error::NoRuntime { call });
    }
    // tokio says it in no other way.
    caught(|| drop(sleep(Duration::ZERO))).map_err(|_| Error::NoTimeDriver { call })
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
