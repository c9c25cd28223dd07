//! Runs the tasks of one step.
//!
//! A lone task runs inline. The tasks of a fan-out are polled once in place;
//! what stays pending becomes the first job of a worker on the runtime, and
//! once polling in place has taken [`SLICE`], workers take what is left. A
//! worker goes from task to task until none is left, so that a cheap task costs
//! no task switch while slow ones really run in parallel, and there are never
//! more workers than `max_concurrency`.

mod attempt;
mod backoff;
mod queue;
mod task;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::task::{JoinSet, coop::consume_budget};
use tokio::time::Instant;

pub(super) use attempt::panic_message;
pub(super) use task::{StepClock, StepContext};

use crate::graph::{Graph, NodeId};
use crate::machine::{Finished, KeyId, Keyring, Task};
use crate::node_error::NodeError;
use queue::Queue;
use task::run_task;

/// How long the tasks of a fan-out are polled in place before workers take over.
const SLICE: Duration = Duration::from_micros(50);

/// How a task failed for good.
#[derive(Debug)]
pub(super) enum TaskError {
    Failed {
        source: NodeError,
        attempts: u32,
    },
    TimedOut {
        timeout: Duration,
        attempts: u32,
    },
    Panicked(String),
    /// This `each` had no items.
    EmptyEach(u32),
    /// The driving call's budget is used up.
    Budget,
}

/// What one task came to.
pub(super) type TaskResult<G> = Result<Finished<G>, TaskError>;

/// How many tasks work at once.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_concurrency: usize,
    pub(super) max_per_node: Option<usize>,
}

/// Runs a step's only task.
pub(super) fn run_one<'a, G: Graph>(
    context: StepContext<'a, G>,
    task: Task<G::Input>,
) -> impl Future<Output = TaskResult<G>> + Send + use<'a, G> {
    run_task(context, task.node, task.key, task.input)
}

/// Runs several tasks and gives their results in the same order.
pub(super) async fn run_many<G: Graph>(
    context: StepContext<'_, G>,
    tasks: Vec<Task<G::Input>>,
    limits: Limits,
) -> Vec<TaskResult<G>> {
    let board = Arc::new(Board::new(context, tasks, limits.max_per_node));
    let mut workers = Workers::default();
    let started = Instant::now();
    let mut spare = None;
    while workers.len() < limits.max_concurrency && started.elapsed() < SLICE {
        let Some(job) = board.start() else { break };
        let call = Arc::clone(&board).call(job.position);
        // One allocation serves all tasks that are ready at once.
        let mut future = match spare.take() {
            None => Box::pin(Some(call)),
            Some(free) => refill(free, call),
        };
        match poll_once(&mut future).await {
            Poll::Ready(result) => {
                board.finish(job, result);
                spare = Some(future);
            }
            Poll::Pending => workers.spawn(finish_and_work(Arc::clone(&board), job, future)),
        }
    }
    let missing = limits
        .max_concurrency
        .saturating_sub(workers.len())
        .min(board.waiting());
    for _ in 0..missing {
        workers.spawn(work(Arc::clone(&board)));
    }
    workers.join().await;
    board.results()
}

fn refill<F>(mut free: Pin<Box<Option<F>>>, call: F) -> Pin<Box<Option<F>>> {
    free.set(Some(call));
    free
}

async fn poll_once<F: Future>(slot: &mut Pin<Box<Option<F>>>) -> Poll<F::Output> {
    poll_fn(|cx| match slot.as_mut().as_pin_mut() {
        Some(future) => Poll::Ready(future.poll(cx)),
        None => Poll::Ready(Poll::Pending),
    })
    .await
}

/// Finishes a task that was polled before, then goes on as a worker.
async fn finish_and_work<G: Graph, F>(
    board: Arc<Board<G>>,
    job: Job,
    mut future: Pin<Box<Option<F>>>,
) where
    F: Future<Output = TaskResult<G>> + Send,
{
    let result = poll_fn(|cx| match future.as_mut().as_pin_mut() {
        Some(future) => future.poll(cx),
        None => Poll::Pending,
    })
    .await;
    board.finish(job, result);
    drop(future);
    work(board).await;
}

/// Goes from task to task until none is left.
async fn work<G: Graph>(board: Arc<Board<G>>) {
    while let Some(job) = board.start() {
        let result = Arc::clone(&board).call(job.position).await;
        board.finish(job, result);
        consume_budget().await;
    }
}

/// The workers of a step; they end with it.
#[derive(Default)]
struct Workers(JoinSet<()>);

impl Workers {
    fn len(&mut self) -> usize {
        while self.0.try_join_next().is_some() {}
        self.0.len()
    }

    fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(work);
    }

    async fn join(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}

/// A started task: its lane in the queue and its position in the frontier.
#[derive(Clone, Copy)]
struct Job {
    lane: usize,
    position: usize,
}

/// What a step's workers share.
struct Board<G: Graph> {
    graph: Arc<G>,
    state: Arc<G::State>,
    keys: Keyring,
    clock: StepClock,
    inner: Mutex<Inner<G>>,
}

struct Inner<G: Graph> {
    queue: Queue,
    tasks: Vec<Option<(NodeId, KeyId, Option<G::Input>)>>,
    results: Vec<Option<TaskResult<G>>>,
}

impl<G: Graph> Board<G> {
    fn new(
        context: StepContext<'_, G>,
        tasks: Vec<Task<G::Input>>,
        max_per_node: Option<usize>,
    ) -> Self {
        let queue = Queue::new(tasks.iter().map(|task| task.node).enumerate(), max_per_node);
        let results = tasks.iter().map(|_| None).collect();
        let tasks = tasks
            .into_iter()
            .map(|task| Some((task.node, task.key, task.input)))
            .collect();
        Self {
            graph: Arc::clone(context.graph),
            state: Arc::clone(context.state),
            keys: context.keys.clone(),
            clock: context.clock,
            inner: Mutex::new(Inner {
                queue,
                tasks,
                results,
            }),
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner<G>> {
        // No user code runs under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn context(&self) -> StepContext<'_, G> {
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

    fn start(&self) -> Option<Job> {
        self.inner()
            .queue
            .start()
            .map(|(lane, position)| Job { lane, position })
    }

    fn waiting(&self) -> usize {
        self.inner().queue.len()
    }

    async fn call(self: Arc<Self>, position: usize) -> TaskResult<G> {
        let task = self.inner().tasks[position].take();
        match task {
            Some((node, key, input)) => run_task(self.context(), node, key, input).await,
            None => unreachable!("the queue gives each position once"),
        }
    }

    fn finish(&self, job: Job, result: TaskResult<G>) {
        let mut inner = self.inner();
        inner.queue.finish(job.lane);
        inner.results[job.position] = Some(result);
    }

    fn results(&self) -> Vec<TaskResult<G>> {
        let missing = || {
            Err(TaskError::Panicked(
                "the worker that ran this task was lost".into(),
            ))
        };
        self.inner()
            .results
            .drain(..)
            .map(|result| result.unwrap_or_else(missing))
            .collect()
    }
}
