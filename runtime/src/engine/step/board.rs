//! What the workers of a step share: which tasks are open, and the results of
//! the others.

use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Limits;
use super::admission::Admission;
use super::queue::{Queue, Started};
use super::task::{StepClock, StepContext};
use crate::cx::Keyring;
use crate::engine::away::Away;
use crate::engine::drain::Drain;
use crate::erased::{Program, SharedState};
use crate::graph::NodeId;
use crate::machine::{Finished, Task};
use crate::session::{Blocked, StepResults, TaskError, TaskResult};

pub(super) struct Board {
    program: Arc<dyn Program>,
    state: SharedState,
    keys: Keyring,
    clock: StepClock,
    away: Option<Arc<Away>>,
    drain: Arc<Drain>,
    queue: Queue,
    /// If there are more tasks than the queue takes.
    admission: Option<Admission>,
    /// One for each task of the frontier; each is touched by one worker.
    slots: Vec<Mutex<Slot>>,
}

/// Where one task stands.
enum Slot {
    Open(Task),
    Running,
    Finished(Finished),
    Failed(TaskError),
}

/// A started task.
pub(super) struct Job {
    pub(super) at: Started,
    pub(super) task: Task,
}

impl Board {
    /// A board without tasks.
    pub(super) fn new(context: StepContext<'_>) -> Self {
        Self {
            program: Arc::clone(context.program),
            state: Arc::clone(context.state),
            keys: context.keys.clone(),
            clock: context.clock,
            away: context.away.cloned(),
            drain: Arc::clone(context.drain),
            queue: Queue::new(std::iter::empty(), None, 0),
            admission: None,
            slots: Vec::new(),
        }
    }

    /// Takes on the tasks that have not finished, and their inputs with them:
    /// there is only one copy of what is to be done.
    pub(super) fn fill(
        &mut self,
        tasks: &mut [Task],
        finished: Vec<Option<Finished>>,
        limits: Limits,
    ) {
        let open = (0..)
            .zip(&*tasks)
            .filter(|(at, _)| !finished.get(*at).is_some_and(Option::is_some));
        let open = open.map(|(at, task)| (at, task.node));
        let depth = limits.queue_depth;
        self.queue = Queue::new(open, limits.max_per_node, depth);
        let admission = || Admission::new(depth, limits.backpressure_timeout, self.away.clone());
        self.admission = self.queue.outside().map(|_| admission());
        let mut finished = finished.into_iter();
        let slots = tasks
            .iter_mut()
            .map(|task| match finished.next().flatten() {
                Some(done) => Mutex::new(Slot::Finished(done)),
                None => Mutex::new(Slot::Open(task.start())),
            });
        self.slots = slots.collect();
    }

    pub(super) fn context(&self) -> StepContext<'_> {
        let Self {
            program,
            state,
            keys,
            clock,
            away,
            drain,
            admission,
            ..
        } = self;
        StepContext {
            program,
            state,
            keys,
            clock: *clock,
            away: away.as_ref(),
            drain,
            admission: admission.as_ref(),
            slot: None,
        }
    }

    fn slot(&self, position: usize) -> MutexGuard<'_, Slot> {
        // No user code runs under the lock.
        self.slots[position]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the next task.
    pub(super) fn start(&self) -> Option<Job> {
        let at = self.queue.start()?;
        if let Some(admission) = &self.admission {
            admission.started();
        }
        let slot = std::mem::replace(&mut *self.slot(at.position), Slot::Running);
        let Slot::Open(task) = slot else {
            unreachable!("the queue gives each open task once")
        };
        Some(Job { at, task })
    }

    /// A started task only waits: others of its node may work.
    pub(super) fn rest(&self, at: Started) {
        self.queue.finish(at);
    }

    /// Whether one more of its node may work.
    pub(super) fn has_room(&self, at: Started) -> bool {
        self.queue.has_room(at)
    }

    /// It works again, unless too many of its node do.
    pub(super) fn go_on(&self, at: Started) -> bool {
        self.queue.go_on(at)
    }

    /// A task that stopped to wait is to start again; not if it has not stopped yet.
    pub(super) fn again(&self, position: usize, task: Task) -> bool {
        let node = task.node;
        {
            let mut slot = self.slot(position);
            if !matches!(*slot, Slot::Failed(TaskError::Suspended)) {
                return false;
            }
            *slot = Slot::Open(task);
        }
        self.queue.again(position, node);
        true
    }

    /// How many tasks have not started.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn finish(&self, at: Started, result: TaskResult) {
        *self.slot(at.position) = match result {
            Ok(done) => Slot::Finished(done),
            Err(error) => Slot::Failed(error),
        };
        self.queue.finish(at);
        if let Some(admission) = &self.admission {
            admission.moved();
        }
    }

    /// The node of the next task to be admitted, if the queue is full.
    fn outside(&self) -> Option<NodeId> {
        match &*self.slot(self.queue.outside()?) {
            Slot::Open(task) => Some(task.node),
            _ => None,
        }
    }

    /// Nothing more can start: whoever is not admitted yet has to wait.
    pub(super) fn hold_up(&self) {
        if let Some(admission) = self.admission.as_ref().filter(|known| !known.has_waited())
            && let Some(node) = self.outside()
        {
            admission.wait(node);
        }
    }

    /// Until nothing has moved for too long while tasks wait to be admitted.
    pub(super) async fn jam(&self) {
        match &self.admission {
            Some(admission) => {
                Box::pin(admission.jam(|| self.queue.outside().is_some())).await;
            }
            None => pending().await,
        }
    }

    /// What there is to say of the admission of the step's tasks.
    pub(super) fn blocked(&self, is_given_up: bool) -> Option<Blocked> {
        self.admission.as_ref()?.note(is_given_up, self.outside())
    }

    /// The tasks' results, when all workers have ended; of one that has none they are `without`.
    pub(super) fn results(
        &self,
        without: fn() -> TaskError,
        blocked: Option<Blocked>,
    ) -> StepResults {
        let mut failed = Vec::new();
        let finished = (0..self.slots.len()).map(|position| {
            let error = match std::mem::replace(&mut *self.slot(position), Slot::Running) {
                Slot::Finished(done) => return Some(done),
                Slot::Failed(error) => error,
                Slot::Open(..) | Slot::Running => without(),
            };
            failed.push((position, error));
            None
        });
        StepResults {
            finished: finished.collect(),
            failed,
            blocked,
        }
    }
}
