//! One attempt of one node: its panics caught, its time limited.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::node_error::NodeError;

/// How one attempt failed.
#[derive(Debug)]
pub(super) enum AttemptError {
    Failed(NodeError),
    TimedOut(Duration),
    Panicked(String),
    /// The driving call's budget is used up.
    Budget,
}

impl AttemptError {
    /// Whether the same task may be tried again. A panic is a bug, and a
    /// repetition would only repeat it.
    pub(super) fn is_retried(&self, when: Option<fn(&NodeError) -> bool>) -> bool {
        match self {
            Self::Failed(error) => !error.is_permanent() && when.is_none_or(|when| when(error)),
            Self::TimedOut(_) => true,
            Self::Panicked(_) | Self::Budget => false,
        }
    }
}

pin_project! {
    /// The node's future with its limits. A timer is set only when the node
    /// does not finish at its first poll: most do.
    pub(super) struct Attempt<F> {
        #[pin]
        node: F,
        timeout: Duration,
        deadline: Instant,
        timer: Option<(Pin<Box<Sleep>>, Limit)>,
    }
}

/// Which limit a timer stands for.
#[derive(Clone, Copy)]
enum Limit {
    Timeout,
    Budget,
}

impl<F> Attempt<F> {
    pub(super) fn new(node: F, timeout: Duration, deadline: Instant) -> Self {
        Self {
            node,
            timeout,
            deadline,
            timer: None,
        }
    }
}

impl<T, F: Future<Output = Result<T, NodeError>>> Future for Attempt<F> {
    type Output = Result<T, AttemptError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        // A node that panicked is dropped and never polled again.
        match catch_unwind(AssertUnwindSafe(|| this.node.poll(cx))) {
            Ok(Poll::Ready(result)) => return Poll::Ready(result.map_err(AttemptError::Failed)),
            Ok(Poll::Pending) => {}
            Err(panic) => return Poll::Ready(Err(AttemptError::Panicked(panic_message(&*panic)))),
        }
        let (timer, limit) = this.timer.get_or_insert_with(|| {
            let timeout = Instant::now()
                .checked_add(*this.timeout)
                .unwrap_or(*this.deadline);
            let limit = if timeout < *this.deadline {
                Limit::Timeout
            } else {
                Limit::Budget
            };
            (Box::pin(sleep_until(timeout.min(*this.deadline))), limit)
        });
        timer.as_mut().poll(cx).map(|()| {
            Err(match limit {
                Limit::Timeout => AttemptError::TimedOut(*this.timeout),
                Limit::Budget => AttemptError::Budget,
            })
        })
    }
}

/// What a panic said.
pub(in crate::engine) fn panic_message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without a message".into())
}
