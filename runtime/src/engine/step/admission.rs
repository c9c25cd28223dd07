//! Backpressure: what happens when the queue of a step is full.
//!
//! The tasks of a step are admitted in frontier order into a queue of those that wait for a
//! slot. While it is full, and no slot is free, admission waits. If it waits and no task
//! moves for too long, the step is given up for now: what has finished is kept.

use std::future::pending;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

use super::timer::{Timer, later};
use crate::engine::away::{Away, Moment, time_away};
use crate::graph::NodeId;
use crate::session::Blocked;

/// A task whose own time is over at the same moment goes first, on whatever thread it is.
const GRACE: Duration = Duration::from_millis(50);

/// The admission of one step's tasks. Only a step that has more of them than its queue takes
/// has one.
pub(in crate::engine) struct Admission {
    depth: usize,
    timeout: Duration,
    /// None for a run that no store keeps.
    away: Option<Arc<Away>>,
    /// Known once admission has had to wait; nothing is timed before.
    first: OnceLock<First>,
    /// Told then.
    has_to_wait: Notify,
    /// When a task moved last, in nanoseconds since the first had to wait.
    moved: AtomicU64,
    /// How many tasks are in a back-off, which ends by itself.
    resting: AtomicUsize,
}

/// The first task of the step that was not admitted at once.
struct First {
    node: NodeId,
    since: Instant,
    /// Known once it was admitted.
    wait: OnceLock<Duration>,
}

impl Admission {
    pub(super) fn new(depth: usize, timeout: Duration, away: Option<Arc<Away>>) -> Self {
        Self {
            depth,
            timeout,
            away,
            first: OnceLock::new(),
            has_to_wait: Notify::new(),
            moved: AtomicU64::new(0),
            resting: AtomicUsize::new(0),
        }
    }

    /// Whether it had to wait so far.
    pub(super) fn has_waited(&self) -> bool {
        self.first.get().is_some()
    }

    /// The next task to be admitted is one of `node`, and has to wait.
    pub(super) fn wait(&self, node: NodeId) {
        let first = First {
            node,
            since: Instant::now(),
            wait: OnceLock::new(),
        };
        if self.first.set(first).is_ok() {
            self.has_to_wait.notify_one();
        }
    }

    /// A task has left the queue, so that the next one was admitted.
    pub(super) fn started(&self) {
        if let Some(First { since, wait, .. }) = self.first.get() {
            wait.get_or_init(|| since.elapsed());
        }
    }

    /// A task has finished, waits for an answer, or is in a back-off or through with it.
    pub(super) fn moved(&self) {
        if let Some(first) = self.first.get() {
            let nanos = u64::try_from(first.since.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.moved.fetch_max(nanos, Ordering::Relaxed);
        }
    }

    /// A task is in a back-off until the guard is dropped.
    pub(super) fn rest(&self) -> Resting<'_> {
        self.resting.fetch_add(1, Ordering::Relaxed);
        self.moved();
        Resting(self)
    }

    /// Until nothing has moved for too long while it waited, as it does as long as `waits`.
    pub(super) async fn jam(&self, waits: impl Fn() -> bool) {
        self.has_to_wait.notified().await;
        let mut last = Moment::now(self.away.as_ref());
        let mut due = later(last.at, self.timeout);
        let mut is_held = false;
        // Without a clock nothing is timed, and the tasks' own limits say so.
        while Timer::until(later(due, GRACE)).await.is_ok() && waits() {
            let now = Instant::now();
            if self.resting.load(Ordering::Relaxed) > 0 {
                due = later(now, self.timeout);
                continue;
            }
            let next = last.and_then(self.last_move(), self.away.as_ref());
            is_held &= next.at == last.at;
            last = next;
            let end = last.end(self.timeout, time_away(self.away.as_ref()));
            due = end.unwrap_or_else(|| later(now, self.timeout));
            if due > now {
                continue;
            }
            // Nobody knows yet whether a store that is being asked is away.
            match self.away.as_ref().filter(|away| away.is_asked()) {
                Some(away) if !is_held => {
                    is_held = true;
                    due = later(now, away.timeout());
                }
                _ => return,
            }
        }
        pending().await
    }

    fn last_move(&self) -> Option<Instant> {
        let moved = Duration::from_nanos(self.moved.load(Ordering::Relaxed));
        Some(later(self.first.get()?.since, moved))
    }

    /// What there is to say of it at the end of the step: how long the first task had to wait; or,
    /// if the step was given up, for how long nothing had moved while the one that was `outside`
    /// waited.
    pub(super) fn note(&self, is_given_up: bool, outside: Option<NodeId>) -> Option<Blocked> {
        let first = self.first.get()?;
        let (node, wait) = match is_given_up {
            true => (
                outside.unwrap_or(first.node),
                self.last_move().map(|at| at.elapsed()),
            ),
            false => (first.node, first.wait.get().copied()),
        };
        Some(Blocked {
            node,
            depth: self.depth,
            wait: wait.unwrap_or_else(|| first.since.elapsed()),
            is_given_up,
        })
    }
}

/// See [`Admission::rest`].
pub(super) struct Resting<'a>(&'a Admission);

impl Drop for Resting<'_> {
    fn drop(&mut self) {
        self.0.moved();
        self.0.resting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use super::*;

    const TICK: Duration = Duration::from_millis(5);

    #[test]
    fn the_first_task_that_waits_is_noted_and_no_other() {
        let admission = Admission::new(2, TICK, None);
        admission.started();
        admission.moved();
        assert_eq!(admission.note(false, Some(8)), None);

        admission.wait(7);
        admission.wait(8);
        sleep(TICK);
        admission.started();
        let noted = admission.note(false, Some(8)).unwrap();
        assert_eq!((noted.node, noted.depth), (7, 2));
        assert!(noted.wait >= TICK && !noted.is_given_up);

        // It was admitted then.
        sleep(TICK);
        admission.started();
        assert_eq!(admission.note(false, None), Some(noted));
    }

    #[test]
    fn a_step_that_is_given_up_says_for_how_long_nothing_moved() {
        let admission = Admission::new(2, TICK, None);
        admission.wait(7);
        sleep(TICK);
        admission.started();
        let before = Instant::now();
        admission.moved();
        let noted = admission.note(true, Some(8)).unwrap();
        assert_eq!((noted.node, noted.is_given_up), (8, true));
        assert!(noted.wait <= before.elapsed());
    }
}
