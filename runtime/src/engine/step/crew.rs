//! The workers of a step: how many there may be, how many there are, and who
//! calls the next.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use tokio::runtime::Handle;
use tokio::sync::Notify;
use tokio::task::{JoinSet, coop::consume_budget};

use super::board::{Board, Job};
use super::queue::Started;
use super::slot::{Returning, Slot};
use super::task::{StepContext, run_task};
use crate::engine::inside::carried;
use crate::machine::Task;

/// At least this many workers begin, or as many as the runtime has threads. What
/// is ready needs no others; a worker whose task pends calls one in its place.
const AT_FIRST: usize = 8;

/// The workers of a step, each with one task at a time.
pub(super) struct Crew {
    pub(super) board: Board,
    max_concurrency: usize,
    working: AtomicUsize,
    /// Those that have begun and want a slot again; they are told when one is free.
    returning: Returning,
    freed: Notify,
    /// `None` when the step was given up: nobody is called any more.
    workers: Mutex<Option<JoinSet<()>>>,
}

impl Crew {
    pub(super) fn new(board: Board, max_concurrency: usize) -> Arc<Self> {
        Arc::new(Self {
            board,
            max_concurrency,
            working: AtomicUsize::new(0),
            returning: Returning::default(),
            freed: Notify::new(),
            workers: Mutex::new(Some(JoinSet::new())),
        })
    }

    /// Adds one more, if there is room.
    pub(super) fn enter(&self) -> bool {
        let more = |working| (working < self.max_concurrency).then_some(working + 1);
        let entered = (self.working).fetch_update(Ordering::SeqCst, Ordering::Relaxed, more);
        entered.is_ok()
    }

    pub(super) fn leave(&self) {
        self.working.fetch_sub(1, Ordering::SeqCst);
        self.call_back();
    }

    /// A slot is free, or somebody's node works less often: those who want to go on try.
    fn call_back(&self) {
        if self.returning.any() {
            self.freed.notify_waiters();
        }
    }

    /// A task that only waits gives its slot to others.
    pub(super) fn step_aside(self: &Arc<Self>, at: Started) {
        self.board.rest(at);
        self.leave();
        self.call_one();
    }

    /// It wants one again.
    pub(super) async fn step_in(&self, at: Started) {
        let _returning = self.returning.enter(at);
        loop {
            let mut freed = pin!(self.freed.notified());
            freed.as_mut().enable();
            if self.board.go_on(at) {
                if self.enter() {
                    return;
                }
                self.board.rest(at);
            }
            freed.await;
        }
    }

    /// A task that stopped to wait starts again, since something has come for it.
    pub(super) fn again(self: &Arc<Self>, position: usize, task: Task) {
        if self.board.again(position, task) {
            self.call_one();
        }
    }

    // No user code runs under the lock.
    fn workers(&self) -> MutexGuard<'_, Option<JoinSet<()>>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, worker: impl Future<Output = ()> + Send + 'static) {
        if let Some(workers) = &mut *self.workers() {
            spawn(workers, Box::pin(worker));
        }
    }

    /// A task that pends gets a worker of its own, in place of the one that
    /// [entered](Self::enter) for it.
    pub(super) fn take_over(self: &Arc<Self>, running: impl Future<Output = ()> + Send + 'static) {
        let crew = Arc::clone(self);
        self.spawn(async move {
            running.await;
            crew.work_on(None).await;
        });
    }

    /// Calls the workers that continue the step. Of the tasks so far
    /// `pended` of `polled` pended; the rest are assumed to be alike.
    pub(super) fn call_first(self: &Arc<Self>, pended: usize, polled: usize) {
        let waiting = self.board.waiting();
        if waiting == 0 {
            return;
        }
        let threads = Handle::try_current().map_or(1, |handle| handle.metrics().num_workers());
        let expected = waiting.saturating_mul(pended) / polled.max(1);
        // All places first, so that none of those called calls others meanwhile.
        let wanted = expected.max(threads).max(AT_FIRST).min(waiting);
        let entered = (0..wanted).take_while(|_| self.enter()).count();
        for _ in 0..entered {
            self.begin_next();
        }
        if self.working.load(Ordering::Relaxed) >= self.max_concurrency {
            self.board.hold_up();
        }
    }

    /// Calls a worker for the next task, if there is one and room for it.
    fn call_one(self: &Arc<Self>) {
        if self.board.waiting() == 0 {
            return;
        }
        match self.enter() {
            true => self.begin_next(),
            false => self.board.hold_up(),
        }
    }

    /// Whoever has [entered](Self::enter) gets the next task, or leaves.
    fn begin_next(self: &Arc<Self>) {
        match self.board.start() {
            Some(job) => {
                let crew = Arc::clone(self);
                self.spawn(async move { crew.work_on(Some(job)).await });
            }
            None => {
                self.board.hold_up();
                self.leave();
            }
        }
    }

    /// Goes from task to task until none is left.
    async fn work_on(self: &Arc<Self>, mut first: Option<Job>) {
        while let Some(Job { at, task }) = first.take().or_else(|| self.next()) {
            let context = self.context(at);
            let mut running = pin!(run_task(&context, task));
            let mut is_alone = true;
            let result = poll_fn(|cx| {
                let polled = running.as_mut().poll(cx);
                if polled.is_pending() && std::mem::take(&mut is_alone) {
                    self.call_one();
                }
                polled
            });
            let result = result.await;
            self.board.finish(at, result);
            self.call_back();
            consume_budget().await;
        }
        self.leave();
    }

    /// The next task, unless one that has begun wants the slot and can have it: it goes before those
    /// that have not.
    fn next(&self) -> Option<Job> {
        let is_wanted = self.returning.is_one(|at| self.board.has_room(at));
        (!is_wanted).then(|| self.board.start()).flatten()
    }

    /// What the task that works there has to know.
    pub(super) fn context(self: &Arc<Self>, at: Started) -> StepContext<'_> {
        StepContext {
            slot: Some(Slot { crew: self, at }),
            ..self.board.context()
        }
    }

    /// Until all have ended.
    pub(super) async fn join(&self) {
        poll_fn(|cx| {
            loop {
                let joined = match &mut *self.workers() {
                    Some(workers) => workers.poll_join_next(cx),
                    None => Poll::Ready(None),
                };
                match joined {
                    Poll::Ready(Some(_)) => {}
                    Poll::Ready(None) => return Poll::Ready(()),
                    Poll::Pending => return Poll::Pending,
                }
            }
        })
        .await;
    }

    /// Sends all of them away: what they were doing is dropped.
    pub(super) fn dismiss(&self) {
        drop(self.workers().take());
    }
}

/// Boxed, so that what a runtime does with a task is compiled once, and not for each graph.
fn spawn(workers: &mut JoinSet<()>, worker: Pin<Box<dyn Future<Output = ()> + Send>>) {
    workers.spawn(carried(worker));
}
