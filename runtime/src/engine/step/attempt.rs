//! One attempt of one node: its panics caught, its time limited.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::timer::{NoClock, Timer};
use crate::cx::Cx;
use crate::engine::blocking::BlockingError;
use crate::engine::inside;
use crate::engine::runtime::{is_gone, is_gone_here};
use crate::error::Error;
use crate::node_error::NodeError;
use crate::panics::caught;

/// How one attempt failed.
#[derive(Debug)]
pub(super) enum AttemptError {
    Failed(NodeError),
    TimedOut(Duration),
    Panicked(String),
    /// The driving call's budget is used up.
    Budget,
    /// It waits for an answer.
    Suspended,
    /// The runtime that it began on was shut down, or has no clock.
    Lost,
    /// An effect has to stop the run.
    Fault(Box<Error>),
}

impl From<NodeError> for AttemptError {
    fn from(error: NodeError) -> Self {
        Self::Failed(error)
    }
}

impl From<BlockingError> for AttemptError {
    fn from(error: BlockingError) -> Self {
        match error {
            BlockingError::Failed(error) => Self::Failed(error),
            BlockingError::Lost => Self::Lost,
        }
    }
}

impl AttemptError {
    /// The error with which to give up, unless the same task may be tried
    /// again. A panic is a bug, and a repetition would only repeat it.
    pub(super) fn unless_retried(self, when: Option<fn(&NodeError) -> bool>) -> Option<Self> {
        let worth_it = |error: &NodeError| match when {
            None => Ok(true),
            Some(when) => caught(|| when(error)),
        };
        match &self {
            Self::Failed(error) if !error.is_permanent() => match worth_it(error) {
                Ok(retried) => (!retried).then_some(self),
                Err(panic) => Some(Self::Panicked(panic)),
            },
            Self::TimedOut(_) => None,
            _ => Some(self),
        }
    }
}

/// What an attempt came to, with what its effects say of it.
#[inline]
pub(super) fn concluded<T>(
    mut result: Result<T, AttemptError>,
    cx: &Cx,
) -> Result<T, AttemptError> {
    // Most nodes make none, and their results are not to be moved about.
    if cx.has_notes()
        && let Some(error) = overruled(result.as_ref().err(), cx)
    {
        result = Err(error);
    }
    match &result {
        Ok(_) => cx.finish(),
        Err(error) if asks(error, cx) => result = Err(AttemptError::Suspended),
        Err(_) => {}
    }
    result
}

/// What stops an attempt that came to `error`, or to its end, whatever it came to.
fn overruled(error: Option<&AttemptError>, cx: &Cx) -> Option<AttemptError> {
    if let Some(fault) = cx.take_fault() {
        return Some(AttemptError::Fault(Box::new(fault)));
    }
    match error {
        Some(AttemptError::Suspended | AttemptError::Budget | AttemptError::Lost) => None,
        // A replay calls no closure, so it would not see a panic that the node
        // made nothing of.
        _ => cx.take_panic().map(AttemptError::Panicked),
    }
}

/// Whether an attempt that failed with `error` leaves an outcome that is asked for.
#[cold]
fn asks(error: &AttemptError, cx: &Cx) -> bool {
    let reason = match error {
        AttemptError::Failed(error) => format!("its node failed: {error}"),
        AttemptError::TimedOut(timeout) => format!("its node took longer than {timeout:?}"),
        AttemptError::Panicked(panic) => format!("its node panicked: {panic}"),
        _ => return false,
    };
    cx.ask_for_unknown(&reason)
}

/// The node's future with its limits. A timer is set only when the node does
/// not finish at its first poll: most do.
pub(super) struct Attempt<'a, F> {
    /// Pinned where it was made: moving a large future costs more than a small node.
    node: Pin<&'a mut F>,
    timeout: Duration,
    deadline: Instant,
    timer: Option<(Timer, Limit)>,
    /// Where it began, once it has waited: its timers and sockets live there.
    home: Option<Handle>,
    /// What the node was given.
    cx: &'a Cx,
}

/// Which limit a timer stands for.
#[derive(Clone, Copy)]
enum Limit {
    Timeout,
    Budget,
}

impl<'a, F> Attempt<'a, F> {
    pub(super) fn new(
        node: Pin<&'a mut F>,
        timeout: Duration,
        deadline: Instant,
        cx: &'a Cx,
    ) -> Self {
        Self {
            node,
            timeout,
            deadline,
            timer: None,
            home: None,
            cx,
        }
    }
}

impl<T, E, F> Future for Attempt<'_, F>
where
    E: Into<AttemptError>,
    F: Future<Output = Result<T, E>>,
{
    type Output = Result<T, AttemptError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        // A node that panicked is dropped and never polled again.
        let polled = {
            let _node = inside::node(this.cx.node());
            let _here = this.cx.run_here();
            caught(|| this.node.as_mut().poll(cx))
        };
        let ended = match polled {
            Ok(Poll::Ready(result)) => result.map_err(Into::into),
            Ok(Poll::Pending) if this.cx.is_suspended() => Err(AttemptError::Suspended),
            Ok(Poll::Pending) => match this.poll_timer(cx) {
                Poll::Ready(limit) => Err(limit),
                Poll::Pending => return Poll::Pending,
            },
            Err(panic) => Err(AttemptError::Panicked(panic)),
        };
        this.cx.end();
        Poll::Ready(ended.map_err(|error| this.unless_lost(error)))
    }
}

impl<F> Attempt<'_, F> {
    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<AttemptError> {
        let (timeout, deadline) = (self.timeout, self.deadline);
        let (timer, limit) = self.timer.get_or_insert_with(|| {
            let due = Instant::now().checked_add(timeout).unwrap_or(deadline);
            let limit = if due < deadline {
                Limit::Timeout
            } else {
                Limit::Budget
            };
            (Timer::until(due.min(deadline)), limit)
        });
        if self.home.is_none() {
            self.home = Handle::try_current().ok();
        }
        Pin::new(timer)
            .poll(cx)
            .map(|waited| match (waited, limit) {
                (Err(NoClock), _) => AttemptError::Lost,
                (Ok(()), Limit::Timeout) => AttemptError::TimedOut(timeout),
                (Ok(()), Limit::Budget) => AttemptError::Budget,
            })
    }

    /// A node whose timers, sockets and tasks went with a runtime fails in one way
    /// or another, and it is not its doing.
    #[cold]
    fn unless_lost(&self, error: AttemptError) -> AttemptError {
        let may_be_lost = matches!(
            error,
            AttemptError::Failed(_) | AttemptError::TimedOut(_) | AttemptError::Panicked(_)
        );
        let is_lost = || self.home.as_ref().map_or_else(is_gone_here, is_gone);
        if may_be_lost && is_lost() {
            AttemptError::Lost
        } else {
            error
        }
    }
}
