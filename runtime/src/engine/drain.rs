//! The end of an engine: what it drives is brought to rest and given back.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::Engine;
use super::active::RunResult;
use super::step::{Timer, later};
use super::{keeper, runtime};
use crate::error::Error;
use crate::graph::Graph;
use crate::session::{TaskError, TaskResult};
use crate::store::Status;

/// Calls that nobody polls are ended this long after those that are had to be.
const SLACK: Duration = Duration::from_secs(1);

/// What became of the runs that an engine drove when it was [drained](Engine::drain).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Drained {
    /// They came to rest by themselves: completed, failed, or waiting for an answer.
    pub finished: u64,
    /// They were given back after a step, and can be resumed by any engine.
    pub given_back: u64,
    /// They were dropped in the middle of a step, since the grace was over or their callers
    /// were gone. They can be resumed, too.
    pub dropped: u64,
}

impl<G: Graph> Engine<G> {
    /// Ends this engine, with all its clones: what it drives goes on to the end of its open step,
    /// commits, and is given back; its driving calls return `Ok` with [`Status::Running`]. What
    /// still runs after `grace` is dropped as if its caller had gone, with the results of the tasks
    /// that have finished kept, and its calls return [`Error::Draining`]. A run in a back-off is
    /// given back at once. One that had stopped, failed or asked, and that was about to go on, stays
    /// as it was, and the call that would have driven it is [`Error::Draining`], too.
    ///
    /// That is for good: from now on every driving call of this engine ([`run`](Self::run),
    /// [`resume`](Self::resume), [`turn`](Self::turn)) is [`Error::Draining`]. Looking, answering
    /// and correcting still work. A new engine over the same store drives on, in this process or
    /// another.
    ///
    /// A run that no store keeps cannot be given back: it goes on until the grace is over.
    ///
    /// A node that keeps its thread and never awaits cannot be dropped, unless it is `blocking`. A
    /// second after the grace it is no longer waited for: its run is in none of the counts, and is
    /// given back when the node lets go. A node that drains its own engine waits for itself, until
    /// the grace is over.
    ///
    /// ```
    /// # use serde::{Deserialize, Serialize};
    /// use std::time::Duration;
    /// use superstep::prelude::*;
    /// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
    /// # struct Trip { packed: String }
    /// # #[node]
    /// # fn pack(_: &Trip) -> TripUpdate { Trip::update().packed("a hat") }
    /// # #[graph(state = Trip, start -> pack -> end)]
    /// # struct Packing;
    /// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
    /// # let engine = Engine::builder(Packing).build()?;
    /// engine.run("trip", Trip::default()).await?;
    /// // The program is told to stop.
    /// let drained = engine.drain(Duration::from_secs(30)).await;
    /// assert_eq!(drained.dropped, 0);
    ///
    /// let late = engine.run("late", Trip::default()).await.unwrap_err();
    /// assert_eq!(late.code(), "draining");
    /// # Ok::<(), Error>(()) })?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// Called again, it waits for the same end, with the shorter grace.
    pub async fn drain(&self, grace: Duration) -> Drained {
        let core = &self.core;
        let end = later(core.drain.begin(grace), SLACK);
        let late = async {
            // A caller without a clock, or without a runtime, waits by the wall clock: its grace
            // is not over only because nobody here can tell when it is.
            let has_clock = runtime::begin("drain").is_ok();
            if !has_clock || Timer::until(end).await.is_err() {
                keeper::sleep(end.saturating_duration_since(Instant::now())).await;
            }
        };
        if until(core.drain.until_idle(), late).await.is_none() {
            core.active.drop_all();
        }
        *core.drain.drained()
    }
}

/// What `work` comes to, unless it is `over` first.
pub(super) async fn until<T>(
    work: impl Future<Output = T>,
    over: impl Future<Output = ()>,
) -> Option<T> {
    let (mut work, mut over) = (pin!(work), pin!(over));
    poll_fn(|task| match work.as_mut().poll(task) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => over.as_mut().poll(task).map(|()| None),
    })
    .await
}

/// A step's only task, which is dropped when the grace is over.
pub(super) struct InTime<'a, F> {
    task: Pin<&'a mut F>,
    drain: &'a Drain,
    /// Made when the task waits: most never do.
    over: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
}

impl<'a, F> InTime<'a, F> {
    pub(super) fn new(task: Pin<&'a mut F>, drain: &'a Drain) -> Self {
        Self {
            task,
            drain,
            over: None,
        }
    }
}

impl<F: Future<Output = TaskResult>> Future for InTime<'_, F> {
    type Output = TaskResult;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TaskResult> {
        let this = self.get_mut();
        if let Poll::Ready(result) = this.task.as_mut().poll(cx) {
            return Poll::Ready(result);
        }
        let drain = this.drain;
        let over = this
            .over
            .get_or_insert_with(|| Box::pin(drain.until_over()));
        over.as_mut().poll(cx).map(|()| Err(TaskError::Dropped))
    }
}

/// Whether an engine drains, what it drives, and what has become of that since.
pub(super) struct Drain {
    begun: AtomicBool,
    /// When the grace is over, once it has begun.
    end: watch::Sender<Option<Instant>>,
    /// How many runs are driven.
    driving: AtomicUsize,
    /// Told when there are none any more.
    idle: Notify,
    drained: Mutex<Drained>,
}

impl Drain {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            begun: AtomicBool::new(false),
            end: watch::Sender::new(None),
            driving: AtomicUsize::new(0),
            idle: Notify::new(),
            drained: Mutex::new(Drained::default()),
        })
    }

    /// Returns when the grace is over.
    fn begin(&self, grace: Duration) -> Instant {
        let mut end = later(Instant::now(), grace);
        self.begun.store(true, Ordering::SeqCst);
        self.end.send_modify(|known| {
            end = known.map_or(end, |known| known.min(end));
            *known = Some(end);
        });
        end
    }

    pub(super) fn has_begun(&self) -> bool {
        self.begun.load(Ordering::SeqCst)
    }

    /// Whether the grace is over.
    pub(super) fn is_over(&self) -> bool {
        let is_past = |end: Instant| Instant::now() >= end;
        self.has_begun() && self.end.borrow().is_some_and(is_past)
    }

    /// Refuses to drive, once it has begun.
    pub(super) fn check(&self, run: &str) -> Result<(), Error> {
        match self.has_begun() {
            true => Err(draining(run)),
            false => Ok(()),
        }
    }

    /// Until it begins.
    pub(super) async fn until_begun(&self) {
        // What tells lives as long as this does.
        let _ = self.end.subscribe().wait_for(Option::is_some).await;
    }

    /// Until the grace is over.
    pub(super) async fn until_over(&self) {
        let mut end = self.end.subscribe();
        loop {
            let known = end
                .wait_for(Option::is_some)
                .await
                .map_or(None, |known| *known);
            let timer = async { drop(Timer::until(known.unwrap_or_else(Instant::now)).await) };
            // It may be over sooner, by a second call.
            let sooner = async { drop(end.changed().await) };
            if until(timer, sooner).await.is_some() {
                return;
            }
        }
    }

    /// Until nothing is driven.
    async fn until_idle(&self) {
        loop {
            let idle = self.idle.notified();
            if self.driving.load(Ordering::SeqCst) == 0 {
                return;
            }
            idle.await;
        }
    }

    /// A run is about to be driven; refused once it has begun.
    pub(super) fn enter(&self, run: &str) -> Result<Driven<'_>, Error> {
        self.driving.fetch_add(1, Ordering::SeqCst);
        // Unless it says otherwise, its callers are gone.
        let came_to = CameTo::Dropped;
        let mut driven = Driven {
            drain: self,
            came_to,
        };
        match self.check(run) {
            Ok(()) => Ok(driven),
            Err(draining) => {
                driven.came_to = CameTo::Refused;
                Err(draining)
            }
        }
    }

    fn drained(&self) -> MutexGuard<'_, Drained> {
        self.drained.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A run while it is driven.
pub(super) struct Driven<'a> {
    drain: &'a Drain,
    came_to: CameTo,
}

enum CameTo {
    Refused,
    Rest,
    GivenBack,
    Dropped,
}

impl Driven<'_> {
    pub(super) fn came_to(&mut self, result: &RunResult) {
        self.came_to = match result {
            Ok(run) if run.status() == Status::Running => CameTo::GivenBack,
            // Nothing was begun.
            Err(Error::Draining { step: None, .. }) => CameTo::GivenBack,
            Err(Error::Draining { .. }) => CameTo::Dropped,
            _ => CameTo::Rest,
        };
    }
}

impl Drop for Driven<'_> {
    fn drop(&mut self) {
        if self.drain.has_begun() {
            let mut drained = self.drain.drained();
            match self.came_to {
                CameTo::Refused => {}
                CameTo::Rest => drained.finished += 1,
                CameTo::GivenBack => drained.given_back += 1,
                CameTo::Dropped => drained.dropped += 1,
            }
        }
        let was = self.drain.driving.fetch_sub(1, Ordering::SeqCst);
        if was == 1 && self.drain.has_begun() {
            self.drain.idle.notify_waiters();
        }
    }
}

/// Nothing was begun.
pub(super) fn draining(run: &str) -> Error {
    Error::Draining {
        run: run.to_owned(),
        step: None,
    }
}
