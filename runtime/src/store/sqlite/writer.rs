//! One writer per open store, which groups waiting jobs into one transaction.
//!
//! A transaction costs about the same whether it carries one commit or a
//! hundred: its price is the sync at its end. So while one transaction is being
//! written, the jobs that arrive queue up, and the next one takes them all.
//!
//! Who writes? A thread of its own can always wait for the disk, but handing a
//! job over and its answer back costs two wake-ups: 5 µs when both sides are
//! awake, and up to 150 µs when they have to be woken from idle. Against
//! a commit of 8 µs (`NORMAL`) or 160 µs (`FULL`), that is as much as
//! the work. So a caller that is alone writes in place, on the thread that polls
//! it, as long as the last transaction was [`QUICK`]. With a crowd the thread
//! is awake anyway, and on a slow disk the hand-over does not show.
//!
//! A job reads before it writes and may be run again: a refusal leaves nothing
//! behind and spares its neighbours, and if the database fails a group, it is
//! rolled back and every job gets a transaction of its own.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::{Duration, Instant};

use rusqlite::Connection;
use tokio::task::yield_now;

use super::desk::{self, Desk, Job, Patience};
use super::errors::{Fail, backend};
use super::owners::Owners;
use super::thread::Thread;
use crate::store::StoreError;

/// More than this does not make a group cheaper, only its first caller wait longer.
const GROUP: usize = 256;

/// How many transactions a lone caller makes before it looks for others again.
const LOOK_EVERY: u32 = 8;

/// A transaction that is shorter than this may occupy an executor's thread.
const QUICK: Duration = Duration::from_millis(1);

pub(super) struct Writer {
    shared: Arc<Shared>,
    /// Dropped before what it serves: it writes what is queued, and then ends.
    _thread: Thread,
}

struct Shared {
    queue: Mutex<Queue>,
    /// Calls the thread. A caller that leaves a job in the queue and does not call is
    /// about to write it itself.
    called: Condvar,
    /// Whoever holds it writes. It is never waited for while `queue` is held.
    desk: Mutex<Desk>,
    quick: AtomicBool,
    /// How many transactions in a row carried a single job.
    lonely: AtomicU32,
}

#[derive(Default)]
struct Queue {
    jobs: VecDeque<Box<dyn Job>>,
    closed: bool,
}

impl Writer {
    pub(super) fn start(desk: Desk, owners: Arc<Owners>) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            queue: Mutex::default(),
            called: Condvar::new(),
            desk: Mutex::new(desk),
            quick: AtomicBool::new(false),
            lonely: AtomicU32::new(0),
        });
        let serving = Arc::clone(&shared);
        let thread = Thread::start("writer", move || serving.serve(&owners))
            .map_err(|error| backend(format!("no thread for the writer: {error}")))?;
        Ok(Self {
            shared,
            _thread: thread,
        })
    }

    /// Has `work` done in a transaction, and waits until that is on disk.
    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&Connection) -> Result<T, Fail> + Send + 'static,
    {
        let (job, answer) = desk::job(work);
        if self.shared.push(job) {
            if self.shared.looks_around() {
                // Others that are ready on this thread now join the queue.
                let dropped = CallOnDrop(&self.shared);
                yield_now().await;
                mem::forget(dropped);
            }
            self.shared.write_in_place();
        }
        answer.await.unwrap_or_else(|_| Err(desk::dropped()))
    }
}

impl Drop for Writer {
    /// Waits for what is queued, and until the file is closed.
    fn drop(&mut self) {
        self.shared.queue().closed = true;
        self.shared.called.notify_one();
    }
}

/// For the future that is dropped between queueing its job and writing it.
struct CallOnDrop<'a>(&'a Shared);

impl Drop for CallOnDrop<'_> {
    fn drop(&mut self) {
        self.0.called.notify_one();
    }
}

impl Shared {
    /// Queues a job; returns whether the caller should write it itself.
    fn push(&self, job: Box<dyn Job>) -> bool {
        let mut queue = self.queue();
        let alone = queue.jobs.is_empty();
        queue.jobs.push_back(job);
        let in_place = alone && self.quick.load(Ordering::Relaxed);
        if !in_place {
            self.called.notify_one();
        }
        in_place
    }

    /// Whether a caller that seems to be alone makes sure of it first. Letting
    /// others go ahead may wake a thread, so one that has long been alone does it
    /// only now and then.
    fn looks_around(&self) -> bool {
        let lonely = self.lonely.load(Ordering::Relaxed);
        lonely < LOOK_EVERY || lonely.is_multiple_of(LOOK_EVERY)
    }

    /// Writes the one waiting job; calls the thread if there are more, if it
    /// is writing anyway, or if another process is.
    fn write_in_place(&self) {
        if let Some(desk) = self.free_desk()
            && let Some(job) = self.only_job()
        {
            let Err(group) = self.write(desk, vec![job], Patience::None) else {
                return;
            };
            self.queue().jobs.extend(group);
        }
        self.called.notify_one();
    }

    fn only_job(&self) -> Option<Box<dyn Job>> {
        let jobs = &mut self.queue().jobs;
        if jobs.len() == 1 {
            jobs.pop_front()
        } else {
            None
        }
    }

    fn serve(&self, owners: &Owners) {
        while let Some(group) = self.next_group() {
            let desk = self.desk();
            // A job that panics takes its group's answers with it, not the writer.
            let _ = catch_unwind(AssertUnwindSafe(|| self.write(desk, group, Patience::Some)));
        }
        self.desk().leave(owners);
    }

    /// Waits for jobs; `None` when the store is closed and nothing is left.
    fn next_group(&self) -> Option<Vec<Box<dyn Job>>> {
        let mut queue = self.queue();
        while queue.jobs.is_empty() {
            if queue.closed {
                return None;
            }
            queue = self
                .called
                .wait(queue)
                .unwrap_or_else(PoisonError::into_inner);
        }
        let size = queue.jobs.len().min(GROUP);
        Some(queue.jobs.drain(..size).collect())
    }

    /// See [`Desk::write`].
    fn write(
        &self,
        mut desk: MutexGuard<'_, Desk>,
        group: Vec<Box<dyn Job>>,
        patience: Patience,
    ) -> Result<(), Vec<Box<dyn Job>>> {
        if group.len() == 1 {
            self.lonely.fetch_add(1, Ordering::Relaxed);
        } else {
            self.lonely.store(0, Ordering::Relaxed);
        }
        let started = Instant::now();
        let written = desk.write(group, patience);
        self.quick
            .store(started.elapsed() < QUICK, Ordering::Relaxed);
        written
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn desk(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn free_desk(&self) -> Option<MutexGuard<'_, Desk>> {
        match self.desk.try_lock() {
            Ok(desk) => Some(desk),
            Err(TryLockError::Poisoned(desk)) => Some(desk.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}
