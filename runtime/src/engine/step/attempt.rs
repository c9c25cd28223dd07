//! One attempt of one node: its panics caught, its time limited.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

use super::timer::{NoClock, Timer};
use crate::cx::Cx;
use crate::engine::away::{Away, time_away};
use crate::engine::inside;
use crate::engine::runtime::{is_gone, is_gone_here};
use crate::panics::caught;
use crate::session::AttemptError;

/// How long a node may take; the time that the store is away counts for nothing.
pub(super) struct Limits<'a> {
    /// For this attempt.
    pub(super) timeout: Duration,
    /// When the driving call's budget is used up.
    pub(super) deadline: Instant,
    pub(super) away: Option<&'a Arc<Away>>,
}

/// The node's future with its limits. A timer is set only when the node does
/// not finish at its first poll: most do.
pub(super) struct Attempt<'a, F> {
    /// Pinned where it was made: moving a large future costs more than a small node.
    node: Pin<&'a mut F>,
    limits: Limits<'a>,
    timer: Option<Watch>,
    /// Where it began, once it has waited: its timers and sockets live there.
    home: Option<Handle>,
    /// What the node was given.
    cx: &'a Cx,
}

/// When a limit is next looked at.
struct Watch {
    timer: Timer,
    due: Instant,
    /// When its own time is over, but for what the store is away from now on.
    timeout: Instant,
    away_before: Duration,
}

impl Watch {
    fn begin(limits: &Limits<'_>) -> Self {
        let now = Instant::now();
        let timeout = now.checked_add(limits.timeout).unwrap_or(limits.deadline);
        let mut watch = Self {
            timer: Timer::until(now),
            due: now,
            timeout,
            away_before: time_away(limits.away),
        };
        watch.look(limits);
        watch
    }

    /// Which limit is nearest by now, and when it is met.
    fn look(&mut self, limits: &Limits<'_>) -> AttemptError {
        let away = time_away(limits.away);
        let timeout = self.timeout + away.saturating_sub(self.away_before);
        let deadline = limits.deadline + away;
        let (due, limit) = match timeout < deadline {
            true => (timeout, AttemptError::TimedOut(limits.timeout)),
            false => (deadline, AttemptError::Budget),
        };
        if due != self.due {
            (self.due, self.timer) = (due, Timer::until(due));
        }
        limit
    }

    /// The limit that is met.
    fn poll(&mut self, limits: &Limits<'_>, cx: &mut Context<'_>) -> Poll<AttemptError> {
        loop {
            match Pin::new(&mut self.timer).poll(cx) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(NoClock)) => return Poll::Ready(AttemptError::Lost),
                Poll::Ready(Ok(())) => {}
            }
            let was_due = self.due;
            let limit = self.look(limits);
            if self.due <= was_due {
                return Poll::Ready(limit);
            }
        }
    }
}

impl<'a, F> Attempt<'a, F> {
    pub(super) fn new(node: Pin<&'a mut F>, limits: Limits<'a>, cx: &'a Cx) -> Self {
        Self {
            node,
            limits,
            timer: None,
            home: None,
            cx,
        }
    }
}

impl<T, F> Future for Attempt<'_, F>
where
    F: Future<Output = Result<T, AttemptError>>,
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
            Ok(Poll::Ready(result)) => result,
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
        let limits = &self.limits;
        let watch = self.timer.get_or_insert_with(|| Watch::begin(limits));
        if self.home.is_none() {
            self.home = Handle::try_current().ok();
        }
        // Nobody knows yet how long the store is away to whom it writes: what comes of it
        // wakes the node.
        match watch.poll(limits, cx) {
            Poll::Ready(AttemptError::TimedOut(_) | AttemptError::Budget)
                if self.cx.is_writing(cx.waker()) =>
            {
                Poll::Pending
            }
            met => met,
        }
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
