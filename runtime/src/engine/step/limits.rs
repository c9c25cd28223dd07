//! How long an attempt may take.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::time::Instant;

use super::timer::{NoClock, Timer};
use crate::engine::away::{Away, put_off, time_away};
use crate::session::AttemptError;

/// The limits of one attempt; the time the store is away counts towards none.
pub(super) struct Limits<'a> {
    pub(super) timeout: Duration,
    /// When the driving call's budget is used up.
    pub(super) deadline: Instant,
    /// None for a run that no store keeps.
    pub(super) away: Option<&'a Arc<Away>>,
}

/// Watches them. It is made when a node waits for the first time: most never do.
pub(super) struct Watch {
    timer: Timer,
    due: Instant,
    /// When its own time is over, not counting the time the store is away.
    timeout: Instant,
    away_before: Duration,
    /// A limit is reached while a write is under way, and nobody knows yet whether the store
    /// is away.
    is_held: bool,
}

impl Watch {
    pub(super) fn begin(limits: &Limits<'_>) -> Self {
        let now = Instant::now();
        let timeout = now.checked_add(limits.timeout).unwrap_or(limits.deadline);
        let due = timeout.min(limits.deadline);
        let mut watch = Self {
            timer: Timer::until(due),
            due,
            timeout,
            away_before: time_away(limits.away),
            is_held: false,
        };
        watch.look(limits);
        watch
    }

    /// Which limit is nearest by now; sets the timer if that is a different time than before.
    fn look(&mut self, limits: &Limits<'_>) -> AttemptError {
        let away = time_away(limits.away);
        let timeout = put_off(self.timeout, away.saturating_sub(self.away_before));
        let deadline = put_off(limits.deadline, away);
        let (due, limit) = match timeout < deadline {
            true => (timeout, AttemptError::TimedOut(limits.timeout)),
            false => (deadline, AttemptError::Budget),
        };
        if due != self.due {
            (self.due, self.timer) = (due, Timer::until(due));
            self.is_held = false;
        }
        limit
    }

    /// The limit that is reached; `is_writing` says whether the store has something to write,
    /// and wakes when it no longer has.
    pub(super) fn poll(
        &mut self,
        limits: &Limits<'_>,
        is_writing: impl Fn(&Waker) -> bool,
        task: &mut Context<'_>,
    ) -> Poll<AttemptError> {
        if self.is_held && !is_writing(task.waker()) {
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
            if self.is_held || !is_writing(task.waker()) {
                return Poll::Ready(limit);
            }
            // A write that nobody polls any more never ends.
            self.is_held = true;
            self.timer = Timer::after(limits.away.map_or(Duration::ZERO, |away| away.timeout()));
        }
    }
}
