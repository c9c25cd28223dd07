//! How long an attempt may take, and how long it may be silent.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::timer::{NoClock, Timer};
use crate::cx::Cx;
use crate::engine::away::{Away, Moment, put_off, time_away};
use crate::graph::NodeOptions;
use crate::session::AttemptError;

/// The limits of one attempt; the time the store is away counts towards none.
#[derive(Clone, Copy)]
pub(in crate::engine) struct AttemptLimits<'a> {
    /// None if only the budget limits it as a whole.
    pub(in crate::engine) timeout: Option<Duration>,
    /// The longest time without a sign of life.
    pub(in crate::engine) idle: Option<Duration>,
    /// When the driving call's budget is used up.
    pub(in crate::engine) deadline: Instant,
    /// None for a run that no store keeps.
    pub(in crate::engine) away: Option<&'a Arc<Away>>,
}

impl<'a> AttemptLimits<'a> {
    /// Those of a node with these options. One that has to show signs of life may take as long
    /// as it does, unless it has a timeout of its own.
    pub(in crate::engine) fn of(
        options: &NodeOptions,
        default_timeout: Duration,
        deadline: Instant,
        away: Option<&'a Arc<Away>>,
    ) -> Self {
        let NodeOptions { timeout, idle, .. } = *options;
        let default = idle.is_none().then_some(default_timeout);
        Self {
            timeout: timeout.or(default),
            idle,
            deadline,
            away,
        }
    }

    /// How long it may take to begin.
    pub(in crate::engine) fn start(&self) -> Option<Duration> {
        self.timeout.into_iter().chain(self.idle).min()
    }
}

/// Watches them. It is made when a node waits for the first time: most never do.
pub(in crate::engine) struct Watch {
    timer: Timer,
    due: Instant,
    began: Moment,
    /// Its last sign of life.
    sign: Moment,
    /// A limit is reached while a write is under way, and nobody knows yet whether the store
    /// is away.
    is_held: bool,
}

impl Watch {
    pub(in crate::engine) fn begin(limits: &AttemptLimits<'_>, cx: &Cx) -> Self {
        if limits.idle.is_some() {
            cx.keep_signs();
        }
        let began = Moment::now(limits.away);
        let mut watch = Self {
            timer: Timer::until(began.at),
            due: began.at,
            began,
            sign: began,
            is_held: false,
        };
        watch.look(limits);
        watch
    }

    /// Which limit is nearest by now; sets the timer if that is a different time than before.
    fn look(&mut self, limits: &AttemptLimits<'_>) -> AttemptError {
        let away = time_away(limits.away);
        let timeout = limits.timeout.and_then(|timeout| {
            let due = self.began.end(timeout, away)?;
            Some((due, AttemptError::TimedOut(timeout)))
        });
        let idle = limits.idle.and_then(|idle| {
            let due = self.sign.end(idle, away)?;
            Some((due, AttemptError::Idle(idle)))
        });
        let mut nearest = (put_off(limits.deadline, away), AttemptError::Budget);
        for limit in timeout.into_iter().chain(idle) {
            if limit.0 < nearest.0 {
                nearest = limit;
            }
        }
        let (due, limit) = nearest;
        if due != self.due {
            (self.due, self.timer) = (due, Timer::until(due));
            self.is_held = false;
        }
        limit
    }

    /// Notes the newest sign of life; the timer may go off early, and then looks again.
    fn listen(&mut self, limits: &AttemptLimits<'_>, cx: &Cx) {
        self.sign = self.sign.and_then(cx.last_sign(), limits.away);
    }

    /// The limit that the attempt of `cx` has reached.
    pub(in crate::engine) fn poll(
        &mut self,
        limits: &AttemptLimits<'_>,
        cx: &Cx,
        task: &mut Context<'_>,
    ) -> Poll<AttemptError> {
        self.listen(limits, cx);
        if self.is_held && !cx.is_writing(task.waker()) {
            self.is_held = false;
            self.timer = Timer::until(self.due);
        }
        loop {
            match Pin::new(&mut self.timer).poll(task) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Err(NoClock)) => return Poll::Ready(AttemptError::Lost),
                Poll::Ready(Ok(())) => {}
            }
            let was_due = self.due;
            let limit = self.look(limits);
            if self.due > was_due {
                continue;
            }
            if self.is_held || !cx.is_writing(task.waker()) {
                return Poll::Ready(limit);
            }
            // A write that nobody polls any more never ends.
            self.is_held = true;
            self.timer = Timer::after(limits.away.map_or(Duration::ZERO, |away| away.timeout()));
        }
    }
}
