//! The tokio runtime under a call: whether it is there, has a clock, and is alive.

use std::cell::Cell;
use std::future::{Future, ready};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tokio::runtime::{Handle, Id};
use tokio::task::coop::unconstrained;
use tokio::time::{Instant, sleep_until};

use crate::error::Error;
use crate::panics::caught;

thread_local! {
    /// The runtime that was last found to have a clock.
    static TIMED: Cell<Option<Id>> = const { Cell::new(None) };
}

/// The time at which `call` begins to drive a run. If it cannot, that is reported here,
/// before anything is written, and not as a panic under the first node that takes
/// time.
pub(super) fn begin(call: &'static str) -> Result<Instant, Error> {
    let runtime = Handle::try_current().map_err(|_| Error::NoRuntime { call })?;
    let (now, id) = (Instant::now(), Some(runtime.id()));
    if TIMED.get() != id {
        // tokio offers no other way to find out.
        caught(|| drop(sleep_until(now))).map_err(|_| Error::NoTimeDriver { call })?;
        TIMED.set(id);
    }
    Ok(now)
}

/// Whether `runtime` has been shut down: it no longer takes tasks.
pub(super) fn is_gone(runtime: &Handle) -> bool {
    let task = pin!(unconstrained(runtime.spawn(ready(()))));
    let polled = task.poll(&mut Context::from_waker(Waker::noop()));
    matches!(polled, Poll::Ready(Err(_)))
}

/// Whether the runtime that this is called on has been shut down.
pub(super) fn is_gone_here() -> bool {
    Handle::try_current().is_ok_and(|runtime| is_gone(&runtime))
}
