//! What the workers of a step share: which tasks are open, what the others
//! came to.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::queue::{Queue, Started};
use super::task::{StepClock, StepContext};
use super::{StepResults, TaskError, TaskResult};
use crate::graph::{Graph, NodeId};
use crate::machine::{Finished, KeyId, Keyring, Task};

pub(super) struct Board<G: Graph> {
    graph: Arc<G>,
    state: Arc<G::State>,
    keys: Keyring,
    clock: StepClock,
    queue: Queue,
    /// One for each task of the frontier; each is touched by one worker.
    slots: Vec<Mutex<Slot<G>>>,
}

/// Where one task stands.
enum Slot<G: Graph> {
    Open(NodeId, KeyId, Option<G::Input>),
    Running,
    Finished(Finished<G>),
    Failed(TaskError),
}

/// A started task.
pub(super) struct Job<G: Graph> {
    pub(super) at: Started,
    pub(super) node: NodeId,
    pub(super) key: KeyId,
    pub(super) input: Option<G::Input>,
}

impl<G: Graph> Board<G> {
    pub(super) fn new(
        context: StepContext<'_, G>,
        tasks: &[Task<G::Input>],
        finished: Vec<Option<Finished<G>>>,
        max_per_node: Option<usize>,
    ) -> Self {
        let open = (0..)
            .zip(tasks)
            .filter(|(at, _)| !finished.get(*at).is_some_and(Option::is_some));
        let queue = Queue::new(open.map(|(at, task)| (at, task.node)), max_per_node);
        let mut finished = finished.into_iter();
        let slots = tasks.iter().map(|task| match finished.next().flatten() {
            Some(done) => Mutex::new(Slot::Finished(done)),
            None => Mutex::new(Slot::Open(task.node, task.key, task.input.clone())),
        });
        Self {
            graph: Arc::clone(context.graph),
            state: Arc::clone(context.state),
            keys: context.keys.clone(),
            clock: context.clock,
            queue,
            slots: slots.collect(),
        }
    }

    pub(super) fn context(&self) -> StepContext<'_, G> {
        let Self {
            graph,
            state,
            keys,
            clock,
            ..
        } = self;
        StepContext {
            graph,
            state,
            keys,
            clock: *clock,
        }
    }

    fn slot(&self, position: usize) -> MutexGuard<'_, Slot<G>> {
        // No user code runs under the lock.
        self.slots[position]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// Starts the next task.
    pub(super) fn start(&self) -> Option<Job<G>> {
        let at = self.queue.start()?;
        let mut slot = self.slot(at.position);
        let Slot::Open(node, key, input) = &mut *slot else {
            unreachable!("the queue gives each open task once")
        };
        let (node, key, input) = (*node, *key, input.take());
        *slot = Slot::Running;
        Some(Job {
            at,
            node,
            key,
            input,
        })
    }

    /// How many tasks have not started.
    pub(super) fn waiting(&self) -> usize {
        self.queue.len()
    }

    pub(super) fn finish(&self, at: Started, result: TaskResult<G>) {
        *self.slot(at.position) = match result {
            Ok(done) => Slot::Finished(done),
            Err(error) => Slot::Failed(error),
        };
        self.queue.finish(at);
    }

    /// What the tasks came to, when all workers have ended.
    pub(super) fn results(&self) -> StepResults<G> {
        let mut failed = Vec::new();
        let finished = (0..self.slots.len()).map(|position| {
            let error = match std::mem::replace(&mut *self.slot(position), Slot::Running) {
                Slot::Finished(done) => return Some(done),
                Slot::Failed(error) => error,
                // A worker is only lost with the runtime that it ran on.
                Slot::Open(..) | Slot::Running => TaskError::Lost,
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
