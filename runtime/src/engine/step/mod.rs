//! Runs the tasks of one step.
//!
//! A lone task runs inline. The tasks of a fan-out are polled once in place;
//! what stays pending becomes the first job of a worker on the runtime, and
//! once polling in place has taken its [`Slice`], workers take what is left. A
//! worker goes from task to task until none is left, so that a cheap task costs
//! no task switch while slow ones really run in parallel, and there are never
//! more workers than `max_concurrency`.

mod attempt;
mod backoff;
mod board;
mod queue;
mod slice;
mod task;
mod timer;

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::{JoinSet, coop::consume_budget};

pub(super) use task::{StepClock, StepContext};
pub(super) use timer::Timer;

use crate::engine::inside::carried;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::{Finished, Task};
use crate::node_error::NodeError;
use board::{Board, Job};
use slice::Slice;
use task::run_task;

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
    /// It waits for an answer.
    Suspended,
    /// The runtime that it ran on was shut down: it is to run again.
    Lost,
    /// An effect has to stop the run.
    Fault(Box<Error>),
}

/// What one task came to.
pub(super) type TaskResult<G> = Result<Finished<G>, TaskError>;

/// What the tasks of a step came to, in frontier order, and which of them
/// failed, with their positions.
pub(super) struct StepResults<G: Graph> {
    pub(super) finished: Vec<Option<Finished<G>>>,
    pub(super) failed: Vec<(usize, TaskError)>,
}

impl<G: Graph> StepResults<G> {
    /// The first failure in frontier order that ends the step.
    pub(super) fn failure(&mut self) -> Option<(usize, TaskError)> {
        let ends = |(_, error): &(usize, TaskError)| {
            !matches!(error, TaskError::Suspended | TaskError::Lost)
        };
        let first = self.failed.iter().position(ends)?;
        Some(self.failed.swap_remove(first))
    }

    /// Whether some tasks were lost with the runtime that they ran on.
    pub(super) fn is_lost(&self) -> bool {
        let lost = |(_, error): &(usize, TaskError)| matches!(error, TaskError::Lost);
        self.failed.iter().any(lost)
    }
}

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
    run_task(context, task)
}

/// Runs the tasks of a step.
pub(super) struct Fanout<G: Graph> {
    board: Board<G>,
    limits: Limits,
}

impl<G: Graph> Fanout<G> {
    pub(super) fn new(context: StepContext<'_, G>, limits: Limits) -> Self {
        let board = Board::new(context);
        Self { board, limits }
    }

    /// Starts `tasks`, but for those that stand in `finished` already.
    pub(super) fn run(
        self,
        tasks: &mut [Task<G::Input>],
        finished: Vec<Option<Finished<G>>>,
    ) -> impl Future<Output = StepResults<G>> + Send + use<G> {
        let Self { mut board, limits } = self;
        board.fill(tasks, finished, limits.max_per_node);
        Self::work_off(Arc::new(board), limits.max_concurrency)
    }

    async fn work_off(board: Arc<Board<G>>, max_concurrency: usize) -> StepResults<G> {
        let mut workers = Workers::default();
        let mut slice = Slice::begin();
        let mut spare = None;
        while workers.are_fewer_than(max_concurrency) && !slice.is_over() {
            let Some(job) = board.start() else { break };
            let mut running = refill(spare.take(), run_job(Arc::clone(&board), job));
            if poll_once(&mut running).await {
                spare = Some(running);
            } else {
                workers.spawn(finish_and_work(Arc::clone(&board), running));
            }
        }
        drop(spare);
        for _ in 0..board.waiting() {
            if !workers.are_fewer_than(max_concurrency) {
                break;
            }
            workers.spawn(work(Arc::clone(&board)));
        }
        workers.join().await;
        board.results()
    }
}

/// A pinned place for one future after the other: one allocation serves all
/// tasks that are ready at once.
type Place<F> = Pin<Box<Option<F>>>;

fn refill<F>(place: Option<Place<F>>, future: F) -> Place<F> {
    match place {
        None => Box::pin(Some(future)),
        Some(mut place) => {
            place.set(Some(future));
            place
        }
    }
}

/// Polls what is in the place and says whether it is done.
async fn poll_once<F: Future<Output = ()>>(place: &mut Place<F>) -> bool {
    poll_fn(|cx| Poll::Ready(poll_place(place, cx).is_ready())).await
}

fn poll_place<F: Future<Output = ()>>(
    place: &mut Place<F>,
    cx: &mut std::task::Context<'_>,
) -> Poll<()> {
    place
        .as_mut()
        .as_pin_mut()
        .map_or(Poll::Ready(()), |future| future.poll(cx))
}

/// Runs one task and puts its result on the board.
async fn run_job<G: Graph>(board: Arc<Board<G>>, job: Job<G>) {
    let result = run_task(board.context(), job.task).await;
    board.finish(job.at, result);
}

/// Finishes a task that was polled before, then goes on as a worker.
async fn finish_and_work<G: Graph, F>(board: Arc<Board<G>>, mut place: Place<F>)
where
    F: Future<Output = ()> + Send,
{
    poll_fn(|cx| poll_place(&mut place, cx)).await;
    drop(place);
    work(board).await;
}

/// Goes from task to task until none is left.
async fn work<G: Graph>(board: Arc<Board<G>>) {
    while let Some(job) = board.start() {
        let result = run_task(board.context(), job.task).await;
        board.finish(job.at, result);
        consume_budget().await;
    }
}

/// The workers of a step; they end with it.
#[derive(Default)]
struct Workers(JoinSet<()>);

impl Workers {
    fn are_fewer_than(&mut self, limit: usize) -> bool {
        // Those that have ended are counted out only when it matters.
        self.0.len() < limit || {
            while self.0.try_join_next().is_some() {}
            self.0.len() < limit
        }
    }

    fn spawn(&mut self, work: impl Future<Output = ()> + Send + 'static) {
        self.0.spawn(carried(work));
    }

    async fn join(mut self) {
        while self.0.join_next().await.is_some() {}
    }
}
