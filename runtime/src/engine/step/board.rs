//! What the workers of a step share: which tasks are open, and the results of
//! the others.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::queue::{Queue, Started};
use super::task::{StepClock, StepContext};
use crate::cx::Keyring;
use crate::engine::away::Away;
use crate::engine::drain::Drain;
use crate::erased::{Program, SharedState};
use crate::machine::{Finished, Task};
use crate::session::{StepResults, TaskError, TaskResult};

pub(super) struct Board {
    program: Arc<dyn Program>,
    state: SharedState,
    keys: Keyring,
    clock: StepClock,
    away: Option<Arc<Away>>,
    drain: Arc<Drain>,
    queue: Queue,
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
            queue: Queue::new(std::iter::empty(), None),
            slots: Vec::new(),
        }
    }

    /// Takes on the tasks that have not finished, and their inputs with them:
    /// there is only one copy of what is to be done.
    pub(super) fn fill(
        &mut self,
        tasks: &mut [Task],
        finished: Vec<Option<Finished>>,
        max_per_node: Option<usize>,
    ) {
        let open = (0..)
            .zip(&*tasks)
            .filter(|(at, _)| !finished.get(*at).is_some_and(Option::is_some));
        self.queue = Queue::new(open.map(|(at, task)| (at, task.node)), max_per_node);
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
            ..
        } = self;
        StepContext {
            program,
            state,
            keys,
            clock: *clock,
            away: away.as_ref(),
            drain,
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
        let slot = std::mem::replace(&mut *self.slot(at.position), Slot::Running);
        let Slot::Open(task) = slot else {
            unreachable!("the queue gives each open task once")
        };
        Some(Job { at, task })
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
    }

    /// The tasks' results, when all workers have ended; of one that has none they are `without`.
    pub(super) fn results(&self, without: fn() -> TaskError) -> StepResults {
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
        }
    }
}
