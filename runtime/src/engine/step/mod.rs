//! Runs the tasks of one step.
//!
//! A lone task runs inline. The tasks of a fan-out are polled once in place;
//! what stays pending becomes the first job of a worker on the runtime, and
//! once polling in place has taken its [`Slice`], a few workers take what is
//! left. A worker goes from task to task until none is left, and calls another
//! when its task pends: so a cheap task costs no task switch, slow ones really
//! run in parallel, and there are never more workers than `max_concurrency`,
//! nor many more than what pends. If none of those that work moves while more
//! wait than the queue takes, the step is given up for now.

mod admission;
mod attempt;
mod board;
mod crew;
mod limits;
mod queue;
mod slice;
mod slot;
mod task;
mod timer;

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

pub(super) use limits::{AttemptLimits, Watch};
pub(super) use task::{StepClock, StepContext, run_task};
pub(super) use timer::{NoClock, Timer, later};

use super::drain::until;

use crate::machine::{Finished, Task};
use crate::session::{StepResults, TaskError};
use board::{Board, Job};
use crew::Crew;
use slice::Slice;

/// How many tasks work at once, how many wait for that, and how long they do while none of
/// the others moves.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    pub(super) max_concurrency: usize,
    pub(super) max_per_node: Option<usize>,
    pub(super) queue_depth: usize,
    pub(super) backpressure_timeout: Duration,
}

/// Runs the tasks of a step.
pub(super) struct Fanout {
    board: Board,
    limits: Limits,
}

impl Fanout {
    pub(super) fn new(context: StepContext<'_>, limits: Limits) -> Self {
        let board = Board::new(context);
        Self { board, limits }
    }

    /// Starts `tasks`, except those that are already in `finished`; with the work comes who takes
    /// those that are to start once more.
    pub(super) fn run(
        self,
        tasks: &mut [Task],
        finished: Vec<Option<Finished>>,
    ) -> (impl Future<Output = StepResults> + Send + use<>, Restarts) {
        let Self { mut board, limits } = self;
        board.fill(tasks, finished, limits);
        let crew = Crew::new(board, limits.max_concurrency);
        (Self::work_off(Arc::clone(&crew)), Restarts(crew))
    }

    async fn work_off(crew: Arc<Crew>) -> StepResults {
        let _dismissed = Dismissed(&crew);
        let mut slice = Slice::begin();
        let mut spare = None;
        let (mut pended, mut polled) = (0, 0);
        let mut is_in = crew.enter();
        while is_in && !slice.is_over() {
            let Some(job) = crew.board.start() else { break };
            let mut running = refill(spare.take(), run_job(Arc::clone(&crew), job));
            polled += 1;
            if poll_once(&mut running).await {
                spare = Some(running);
            } else {
                pended += 1;
                crew.take_over(poll_fn(move |cx| poll_place(&mut running, cx)));
                is_in = crew.enter();
            }
        }
        if is_in {
            crew.leave();
        }
        drop(spare);
        crew.call_first(pended, polled);
        let drain = Arc::clone(crew.board.context().drain);
        let in_time = until(crew.join(), drain.until_over());
        let worked = until(in_time, crew.board.jam()).await;
        let blocked = crew.board.blocked(worked.is_none());
        if let Some(Some(())) = worked {
            // A worker is only lost with the runtime that it ran on.
            return crew.board.results(|| TaskError::Lost, blocked);
        }
        crew.dismiss();
        crew.board.results(|| TaskError::Dropped, blocked)
    }
}

/// Where tasks of a step that have stopped to wait start once more.
#[derive(Clone)]
pub(super) struct Restarts(Arc<Crew>);

impl Restarts {
    /// The task at that place in the frontier does, if it has stopped and the step still runs.
    pub(super) fn start(&self, position: usize, task: Task) {
        self.0.again(position, task);
    }
}

/// Whoever drives the step is gone, or the step is done.
struct Dismissed<'a>(&'a Crew);

impl Drop for Dismissed<'_> {
    fn drop(&mut self) {
        self.0.dismiss();
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
async fn run_job(crew: Arc<Crew>, job: Job) {
    // An `.await` alone would copy the whole future into its place.
    let result = pin!(run_task(&crew.context(job.at), job.task)).await;
    crew.board.finish(job.at, result);
}
