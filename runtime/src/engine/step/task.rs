//! One task from its first attempt to its last.

use std::future::pending;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::admission::Admission;
use super::attempt::Attempt;
use super::limits::AttemptLimits;
use super::slot::Slot;
use super::timer::{NoClock, Timer};
use crate::cx::Keyring;
use crate::engine::away::{Away, put_off, time_away};
use crate::engine::drain::{Drain, until};
use crate::engine::node::{self, Given};
use crate::engine::runtime::is_gone_here;
use crate::erased::{Program, SharedState};
use crate::graph::Done;
use crate::machine::Task;
use crate::panics::Caught;
use crate::session::{AttemptError, Attempts, TaskError, TaskResult, concluded};

/// What all tasks of a step share, borrowed.
#[derive(Clone, Copy)]
pub(in crate::engine) struct StepContext<'a> {
    pub(in crate::engine) program: &'a Arc<dyn Program>,
    pub(in crate::engine) state: &'a SharedState,
    pub(in crate::engine) keys: &'a Keyring,
    pub(in crate::engine) clock: StepClock,
    /// None for a run that no store keeps.
    pub(in crate::engine) away: Option<&'a Arc<Away>>,
    pub(in crate::engine) drain: &'a Arc<Drain>,
    /// None for a step whose tasks are all admitted at once.
    pub(in crate::engine) admission: Option<&'a Admission>,
    /// None for a step's only task.
    pub(in crate::engine) slot: Option<Slot<'a>>,
}

/// The number of the open step, and the time its tasks have.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct StepClock {
    pub(in crate::engine) step: u64,
    pub(in crate::engine) default_timeout: Duration,
    /// When the driving call's budget is used up.
    pub(in crate::engine) deadline: Instant,
}

/// Runs a task until it succeeds, its retries are exhausted, or its `on error`
/// row takes over.
pub(in crate::engine) async fn run_task(context: &StepContext<'_>, mut task: Task) -> TaskResult {
    // In addition to the node itself, users' values are cloned and dropped on the way.
    let task = Caught(pin!(try_task(context, &mut task)));
    task.await.unwrap_or_else(|panic| match is_gone_here() {
        true => Err(TaskError::Lost),
        false => Err(TaskError::Panicked(panic)),
    })
}

async fn try_task(context: &StepContext<'_>, task: &mut Task) -> TaskResult {
    let program = &**context.program;
    let info = &program.info().nodes[task.node as usize];
    let StepClock {
        step,
        default_timeout,
        deadline,
    } = context.clock;
    let limits = AttemptLimits::of(&info.options, default_timeout, deadline, context.away);
    let mut attempts = Attempts::at(info);
    loop {
        let Some(cx) = attempts.begin(context.keys, task.key, step) else {
            return attempts.fail(program, AttemptError::Suspended, task);
        };
        // An error row may want it.
        let input = match attempts.is_last() && !info.handled {
            true => task.input.take(),
            false => task.input.clone(),
        };
        cx.start();
        let cx = Given::to(info, cx);
        // The node is gone, and what it left is noted, before that is examined.
        let result = {
            let call = node::call(
                context.program,
                task.node,
                input,
                context.state,
                &cx,
                limits.start(),
            );
            Attempt::new(pin!(call), limits, cx.cx()).await
        };
        let cx = cx.let_go();
        let error = match concluded(result, cx) {
            Ok(Done { update, hops }) => return Ok(attempts.succeed(update, hops)),
            Err(error) => error,
        };
        let delay = match attempts.after(error, cx) {
            Ok(delay) => delay,
            Err(error) => return attempts.fail(program, error, task),
        };
        let deadline = put_off(deadline, time_away(context.away));
        let rest = wait(context, delay, deadline);
        let rested = match context.slot.filter(|_| !delay.is_zero()) {
            Some(slot) => slot.without(rest).await,
            None => rest.await,
        };
        if let Err(error) = rested {
            return attempts.fail(program, error, task);
        }
    }
}

/// Waits before the next attempt, as long as the budget lasts and its engine does not drain.
async fn wait(
    context: &StepContext<'_>,
    delay: Duration,
    deadline: Instant,
) -> Result<(), AttemptError> {
    let _resting = context.admission.map(Admission::rest);
    let due = Instant::now().checked_add(delay);
    let (timer, after) = match due.filter(|due| *due < deadline) {
        Some(due) => (Timer::until(due), Ok(())),
        None => (Timer::until(deadline), Err(AttemptError::Budget)),
    };
    let drained = async {
        match context.away {
            Some(_) => context.drain.until_begun().await,
            // What no store keeps cannot be given back.
            None => pending().await,
        }
    };
    match until(timer, drained).await {
        Some(Ok(())) => after,
        Some(Err(NoClock)) => Err(AttemptError::Lost),
        None => Err(AttemptError::Drained),
    }
}
