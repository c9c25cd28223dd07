//! One attempt of one node: its panics caught, its time limited.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

use super::limits::{AttemptLimits, Watch};
use crate::cx::{Cx, Registered, Rest};
use crate::engine::inside;
use crate::engine::runtime::{is_gone, is_gone_here};
use crate::panics::caught;
use crate::session::AttemptError;

/// The node's future with its limits. A timer is set only when the node does
/// not finish at its first poll: most do.
pub(super) struct Attempt<'a, F> {
    /// Pinned where it was made: moving a large future costs more than a small node.
    node: Pin<&'a mut F>,
    limits: AttemptLimits<'a>,
    timer: Option<Watch>,
    /// Where it began, once it has waited: its timers and sockets live there.
    home: Option<Handle>,
    /// What the node was given.
    cx: &'a Cx,
    /// What the store is told of its waits.
    registering: Option<Registered>,
}

impl<'a, F> Attempt<'a, F> {
    pub(super) fn new(node: Pin<&'a mut F>, limits: AttemptLimits<'a>, cx: &'a Cx) -> Self {
        Self {
            node,
            limits,
            timer: None,
            home: None,
            cx,
            registering: None,
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
        let ended = loop {
            // A node that panicked is dropped and never polled again.
            let polled = {
                let _node = inside::node(this.cx.node());
                let _here = this.cx.run_here();
                caught(|| this.node.as_mut().poll(cx))
            };
            match polled {
                Ok(Poll::Ready(result)) => break result,
                Err(panic) => break Err(AttemptError::Panicked(panic)),
                Ok(Poll::Pending) => {}
            }
            match this.rest(cx) {
                Poll::Ready(Some(error)) => break Err(error),
                Poll::Ready(None) => {}
                Poll::Pending => return Poll::Pending,
            }
        };
        this.cx.end();
        Poll::Ready(ended.map_err(|error| this.unless_lost(error)))
    }
}

impl<F> Attempt<'_, F> {
    /// The node is pending: it stops to wait, reaches a limit, or goes on when it is woken; with
    /// `None` at once.
    fn rest(&mut self, task: &mut Context<'_>) -> Poll<Option<AttemptError>> {
        if self.registering.is_none() {
            match self.cx.rest() {
                Rest::Busy => {}
                Rest::Suspended => return Poll::Ready(Some(AttemptError::Suspended)),
                Rest::Register(registering) => {
                    self.cx.registers(true, Ok(()));
                    self.registering = Some(registering);
                }
            }
        }
        if let Some(registering) = &mut self.registering
            && let Poll::Ready(result) = registering.as_mut().poll(task)
        {
            self.registering = None;
            self.cx.registers(false, result);
            // It may have come.
            return Poll::Ready(None);
        }
        self.poll_timer(task).map(Some)
    }

    fn poll_timer(&mut self, cx: &mut Context<'_>) -> Poll<AttemptError> {
        let (limits, node) = (&self.limits, self.cx);
        let watch = self.timer.get_or_insert_with(|| Watch::begin(limits, node));
        if self.home.is_none() {
            self.home = Handle::try_current().ok();
        }
        watch.poll(limits, node, cx)
    }

    /// A node whose timers, sockets and tasks were lost with a runtime fails in one way
    /// or another, and that is not its doing.
    #[cold]
    fn unless_lost(&self, error: AttemptError) -> AttemptError {
        let may_be_lost = matches!(
            error,
            AttemptError::Failed(_)
                | AttemptError::TimedOut(_)
                | AttemptError::Idle(_)
                | AttemptError::Panicked(_)
        );
        let is_lost = || self.home.as_ref().map_or_else(is_gone_here, is_gone);
        if may_be_lost && is_lost() {
            AttemptError::Lost
        } else {
            error
        }
    }
}
