//! One task from its first attempt to its last.

use std::fmt::Write as _;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::attempt::{Attempt, AttemptError, concluded};
use super::timer::{NoClock, Timer};
use super::{TaskError, TaskResult, backoff};
use crate::cx::{Cx, UNRECORDED};
use crate::engine::blocking::{Leash, on_blocking_pool};
use crate::engine::runtime::is_gone_here;
use crate::graph::{Done, Graph, Hops, NodeId, NodeInfo};
use crate::machine::{Finished, KeyId, Keyring, Task, UpdateOf};
use crate::node_error::{Failure, NodeError};
use crate::panics::Caught;

/// What all tasks of a step share, borrowed.
pub(in crate::engine) struct StepContext<'a, G: Graph> {
    pub(in crate::engine) graph: &'a Arc<G>,
    pub(in crate::engine) state: &'a Arc<G::State>,
    pub(in crate::engine) keys: &'a Keyring,
    pub(in crate::engine) clock: StepClock,
}

/// The number of the open step, and the time its tasks have.
#[derive(Clone, Copy, Debug)]
pub(in crate::engine) struct StepClock {
    pub(in crate::engine) step: u64,
    pub(in crate::engine) default_timeout: Duration,
    /// When the driving call's budget is used up.
    pub(in crate::engine) deadline: Instant,
}

impl<G: Graph> Clone for StepContext<'_, G> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<G: Graph> Copy for StepContext<'_, G> {}

impl<G: Graph> StepContext<'_, G> {
    fn cx(&self, info: &NodeInfo, key: KeyId, attempt: u32) -> Cx {
        Cx::new(self.keys.clone(), key, self.clock.step, info.name, attempt)
    }
}

/// Runs a task until it succeeds, its retries are exhausted, or its `on error`
/// row takes over.
pub(super) async fn run_task<G: Graph>(
    context: StepContext<'_, G>,
    task: Task<G::Input>,
) -> TaskResult<G> {
    // Beside the node itself, users' values are cloned and dropped on the way.
    let task = Caught(pin!(try_task(context, task)));
    task.await.unwrap_or_else(|panic| match is_gone_here() {
        true => Err(TaskError::Lost),
        false => Err(TaskError::Panicked(panic)),
    })
}

async fn try_task<G: Graph>(context: StepContext<'_, G>, task: Task<G::Input>) -> TaskResult<G> {
    let Task {
        node,
        key,
        mut input,
        ..
    } = task;
    let info = &G::INFO.nodes[node as usize];
    let retry = &info.options.retry;
    let StepClock {
        default_timeout,
        deadline,
        ..
    } = context.clock;
    let timeout = info.options.timeout.unwrap_or(default_timeout);
    let mut number = 1;
    let error = loop {
        let is_last = number >= retry.attempts;
        let given = if is_last { input.take() } else { input.clone() };
        let cx = context.cx(info, key, number);
        // Before the node can do anything else, perhaps under another name.
        if cx.ask_for_unknown(UNRECORDED) {
            break AttemptError::Suspended;
        }
        let result = if info.options.blocking {
            let leash = Leash::of(cx);
            let due = Instant::now().checked_add(timeout);
            let (graph, state) = (context.graph, context.state);
            let call = on_blocking_pool(graph, node, given, state, leash.cx(), due);
            // Boxed, so that the rare case does not make every task's future larger.
            let mut call = Box::pin(call);
            let result = Attempt::new(call.as_mut(), timeout, deadline, &leash.cx()).await;
            concluded(result, &leash.let_go())
        } else {
            // The node is gone, and what it leaves is noted, before that is looked at.
            let result = {
                let call = pin!(context.graph.call(node, given, context.state, &cx));
                Attempt::new(call, timeout, deadline, &cx).await
            };
            concluded(result, &cx)
        };
        match result {
            Ok(Done { update, hops }) => return finished(update, hops, None, number),
            Err(error) if is_last => break error,
            Err(error) => {
                if let Some(error) = error.unless_retried(retry.when) {
                    break error;
                }
            }
        }
        let seed = context.keys.run().seed();
        let delay = backoff::delay(retry, number - 1, seed, context.keys.get(key));
        if Instant::now()
            .checked_add(delay)
            .is_none_or(|due| due >= deadline)
        {
            break match Timer::until(deadline).await {
                Ok(()) => AttemptError::Budget,
                Err(NoClock) => AttemptError::Lost,
            };
        }
        if Timer::after(delay).await.is_err() {
            break AttemptError::Lost;
        }
        number += 1;
    };
    failed(node, info, error, number)
}

fn finished<G: Graph>(
    update: Option<UpdateOf<G>>,
    hops: Hops<G::Input>,
    failure: Option<Box<Failure>>,
    attempt: u32,
) -> TaskResult<G> {
    match hops {
        Hops::Empty(edge) => Err(TaskError::EmptyEach(edge)),
        hops => Ok(Finished {
            update,
            hops,
            failure,
            attempt,
            saw: None,
        }),
    }
}

/// The task failed for good: its error row takes it, if it has one.
#[cold]
fn failed<G: Graph>(
    node: NodeId,
    info: &NodeInfo,
    error: AttemptError,
    attempts: u32,
) -> TaskResult<G> {
    let (error, message) = match error {
        AttemptError::Budget => return Err(TaskError::Budget),
        AttemptError::Suspended => return Err(TaskError::Suspended),
        AttemptError::Lost => return Err(TaskError::Lost),
        AttemptError::Fault(fault) => return Err(TaskError::Fault(fault)),
        AttemptError::Failed(source) => {
            let message = with_causes(&source);
            (TaskError::Failed { source, attempts }, message)
        }
        AttemptError::TimedOut(timeout) => {
            let message = format!("took longer than {timeout:?}");
            (TaskError::TimedOut { timeout, attempts }, message)
        }
        AttemptError::Panicked(panic) => {
            let message = format!("panicked: {panic}");
            (TaskError::Panicked(panic), message)
        }
    };
    let failure = Failure {
        node: info.name.into(),
        attempts,
        message,
    };
    match G::on_error(node, failure.clone()) {
        Some(hops) => finished(None, hops, Some(Box::new(failure)), attempts),
        None => Err(error),
    }
}

/// An error's message and those of its causes.
fn with_causes(error: &NodeError) -> String {
    let mut message = error.to_string();
    let mut cause = error.source().source();
    while let Some(next) = cause {
        let _ = write!(message, ": {next}");
        cause = next.source();
    }
    message
}
