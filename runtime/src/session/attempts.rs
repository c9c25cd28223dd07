//! What follows an attempt at a task: another one, its `on error` row, or the end
//! of the step.

use std::time::Duration;

use super::backoff;
use crate::cx::{Cx, KeyId, Keyring, UNRECORDED};
use crate::erased::{Program, Updates};
use crate::error::{Error, with_causes};
use crate::graph::{Hops, NodeId, NodeInfo};
use crate::machine::{Finished, Task};
use crate::node_error::{Failure, FailureKind, NodeError, excerpt};
use crate::panics::caught;

/// How one attempt failed.
#[derive(Debug)]
pub(crate) enum AttemptError {
    Failed(NodeError),
    TimedOut(Duration),
    /// It showed no sign of life for so long.
    Idle(Duration),
    Panicked(String),
    /// The driving call's budget is used up.
    Budget,
    /// It waits for what comes from outside.
    Suspended,
    /// Its engine drains, and it would only have waited to begin.
    Drained,
    /// The runtime that it began on was shut down, or has no clock.
    Lost,
    /// An effect has to stop the run.
    Fault(Box<Error>),
}

impl From<NodeError> for AttemptError {
    fn from(error: NodeError) -> Self {
        Self::Failed(error)
    }
}

/// How a task failed for good.
#[derive(Debug)]
pub(crate) enum TaskError {
    Failed {
        source: NodeError,
        attempts: u32,
    },
    TimedOut {
        timeout: Duration,
        attempts: u32,
    },
    Idle {
        idle: Duration,
        attempts: u32,
    },
    Panicked(String),
    /// The driving call's budget is used up.
    Budget,
    /// It waits for what comes from outside.
    Suspended,
    /// Its engine drains, and it would only have waited to begin again.
    Drained,
    /// Its engine drains, or admission to its step's queue was blocked, and it took longer than
    /// there was time.
    Dropped,
    /// The runtime that it ran on was shut down: it must run again.
    Lost,
    /// An effect has to stop the run.
    Fault(Box<Error>),
}

impl TaskError {
    /// Whether its step has failed with it; else it runs again.
    pub(crate) const fn ends_step(&self) -> bool {
        !matches!(
            self,
            Self::Suspended | Self::Drained | Self::Dropped | Self::Lost
        )
    }
}

/// The result of one task.
pub(crate) type TaskResult = Result<Finished, TaskError>;

/// The results of a step's tasks, in frontier order, and which of them
/// failed, with their positions.
pub(crate) struct StepResults {
    pub(crate) finished: Vec<Option<Finished>>,
    pub(crate) failed: Vec<(usize, TaskError)>,
    /// Whether admission to the step's queue had to wait.
    pub(crate) blocked: Option<Blocked>,
}

/// That tasks of a step had to wait to be admitted to its queue: noted once a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Blocked {
    /// The node of the first of them; or of the one for which the step was given up.
    pub(crate) node: NodeId,
    /// How many tasks the queue holds.
    pub(crate) depth: usize,
    /// How long that task waited; or for how long no other had moved then.
    pub(crate) wait: Duration,
    /// Whether the step was given up for it.
    pub(crate) is_given_up: bool,
}

impl StepResults {
    /// The first failure in frontier order that ends the step, and how many further tasks
    /// failed.
    pub(super) fn failure(&mut self) -> Option<(usize, TaskError, u64)> {
        let ends = |(_, error): &&(usize, TaskError)| error.ends_step();
        let first = self.failed.iter().position(|failed| ends(&failed))?;
        let further = self.failed[first + 1..].iter().filter(ends).count() as u64;
        let (position, error) = self.failed.swap_remove(first);
        Some((position, error, further))
    }

    /// Whether some tasks were lost with the runtime that they ran on.
    pub(super) fn is_lost(&self) -> bool {
        self.has(|error| matches!(error, TaskError::Lost))
    }

    /// Whether some have not run to their end because their engine drains.
    pub(super) fn is_drained(&self) -> bool {
        self.has(|error| matches!(error, TaskError::Drained))
    }

    /// The same of tasks that were dropped.
    pub(super) fn is_dropped(&self) -> bool {
        self.has(|error| matches!(error, TaskError::Dropped))
    }

    /// What the step was given up for, if it was.
    pub(super) fn given_up(&self) -> Option<Blocked> {
        let blocked = self.blocked.filter(|blocked| blocked.is_given_up);
        blocked.filter(|_| self.is_dropped())
    }

    fn has(&self, is_it: fn(&TaskError) -> bool) -> bool {
        self.failed.iter().any(|(_, error)| is_it(error))
    }
}

/// The attempts at one task.
pub(crate) struct Attempts {
    info: &'static NodeInfo,
    /// Which one it is, from 1.
    number: u32,
}

impl Attempts {
    pub(crate) const fn at(info: &'static NodeInfo) -> Self {
        Self { info, number: 1 }
    }

    /// Whether no other can follow.
    pub(crate) fn is_last(&self) -> bool {
        self.number >= self.info.options.retry.attempts && !mistake!(TriedForEver)
    }

    /// The context of the attempt at the task with that `key` in `step`; none if it
    /// has to wait first: nothing has come for it yet, or an earlier attempt has begun a call whose
    /// outcome nobody knows, perhaps under another name.
    #[inline]
    pub(crate) fn begin(&mut self, keys: &Keyring, key: KeyId, step: u64) -> Option<Cx> {
        let context = |number| Cx::new(keys.clone(), key, step, self.info.name, number);
        let mut cx = context(self.number);
        if let Some((attempt, rests)) = cx.rests() {
            if rests {
                return None;
            }
            if attempt > self.number {
                cx = context(attempt);
                self.number = attempt;
            }
        }
        (!cx.ask_for_unknown(UNRECORDED)).then_some(cx)
    }

    /// The task succeeded.
    #[inline]
    pub(crate) fn succeed(&self, update: Option<Updates>, hops: Hops) -> Finished {
        finished(update, hops, None, self.number)
    }

    /// The delay after which it is tried again, or what it failed with for good; `cx` was
    /// that of the attempt. A panic is a bug, and trying again would only repeat it.
    pub(crate) fn after(&mut self, error: AttemptError, cx: &Cx) -> Result<Duration, AttemptError> {
        let retry = &self.info.options.retry;
        let worth_it = |error: &NodeError| match retry.when {
            None => Ok(true),
            Some(when) => caught(|| when(error)),
        };
        let is_retried = match &error {
            _ if self.is_last() => false,
            AttemptError::Failed(error) if !error.is_permanent() || mistake!(PermanentRetried) => {
                worth_it(error).map_err(AttemptError::Panicked)?
            }
            AttemptError::TimedOut(_) | AttemptError::Idle(_) => true,
            _ => false,
        };
        if !is_retried {
            return Err(error);
        }
        let delay = backoff::delay(retry, self.number - 1, cx.seed(), cx.order_key());
        self.number += 1;
        cx.retry();
        Ok(delay)
    }

    /// The task failed for good: its error row takes it, if it has one.
    #[cold]
    pub(crate) fn fail(
        &self,
        program: &dyn Program,
        error: AttemptError,
        task: &Task,
    ) -> TaskResult {
        let attempts = self.number;
        let (error, message, kind) = match error {
            AttemptError::Budget => return Err(TaskError::Budget),
            AttemptError::Suspended => return Err(TaskError::Suspended),
            AttemptError::Drained => return Err(TaskError::Drained),
            AttemptError::Lost => return Err(TaskError::Lost),
            AttemptError::Fault(fault) => return Err(TaskError::Fault(fault)),
            AttemptError::Failed(source) => {
                let message = with_causes(source.source());
                let kind = match source.is_refused() {
                    true => FailureKind::Refused,
                    false => FailureKind::Error,
                };
                (TaskError::Failed { source, attempts }, message, kind)
            }
            AttemptError::TimedOut(timeout) => {
                let message = format!("took longer than {timeout:?}");
                let error = TaskError::TimedOut { timeout, attempts };
                (error, message, FailureKind::Timeout)
            }
            AttemptError::Idle(idle) => {
                let message = format!("showed no sign of life for {idle:?}");
                (
                    TaskError::Idle { idle, attempts },
                    message,
                    FailureKind::Idle,
                )
            }
            AttemptError::Panicked(panic) => {
                let message = format!("panicked: {panic}");
                (TaskError::Panicked(panic), message, FailureKind::Panic)
            }
        };
        let failure = Failure {
            node: self.info.name.into(),
            attempts,
            message,
            kind,
            item: task.item(),
            input: (task.input.as_ref())
                .and_then(|input| input.to_text().ok())
                .map(|json| excerpt(&json)),
        };
        let row = program.on_error(task.node, failure.clone(), task.input.as_ref());
        match row.filter(|_| !mistake!(ErrorRowPassedOver)) {
            Some(hops) => Ok(finished(None, hops, Some(Box::new(failure)), attempts)),
            None => Err(error),
        }
    }
}

fn finished(
    update: Option<Updates>,
    hops: Hops,
    failure: Option<Box<Failure>>,
    attempt: u32,
) -> Finished {
    Finished {
        update,
        hops,
        failure,
        attempt,
        saw: None,
    }
}

/// The result of an attempt, with what its effects say of it.
#[inline]
pub(crate) fn concluded<T>(
    mut result: Result<T, AttemptError>,
    cx: &Cx,
) -> Result<T, AttemptError> {
    // Most nodes make none, and their results should not be moved around.
    if cx.has_notes()
        && let Some(error) = overruled(result.as_ref().err(), cx)
    {
        result = Err(error);
    }
    match &result {
        Ok(_) => cx.finish(),
        Err(AttemptError::Suspended) => cx.stop(),
        Err(error) if asks(error, cx) => result = Err(AttemptError::Suspended),
        Err(_) => {}
    }
    result
}

/// What stops an attempt that ended with `error`, or succeeded, whatever its result.
fn overruled(error: Option<&AttemptError>, cx: &Cx) -> Option<AttemptError> {
    if let Some(fault) = cx.take_fault() {
        return Some(AttemptError::Fault(Box::new(fault)));
    }
    match error {
        Some(
            AttemptError::Suspended
            | AttemptError::Drained
            | AttemptError::Budget
            | AttemptError::Lost,
        ) => None,
        // A replay calls no closure, so it would not see a panic that the node
        // swallowed.
        _ => cx.take_panic().map(AttemptError::Panicked),
    }
}

/// Whether an attempt that failed with `error` leaves an outcome to ask about.
#[cold]
fn asks(error: &AttemptError, cx: &Cx) -> bool {
    let reason = match error {
        AttemptError::Failed(error) => format!("its node failed: {error}"),
        AttemptError::TimedOut(timeout) => format!("its node took longer than {timeout:?}"),
        AttemptError::Idle(idle) => format!("its node showed no sign of life for {idle:?}"),
        AttemptError::Panicked(panic) => format!("its node panicked: {panic}"),
        _ => return false,
    };
    cx.ask_for_unknown(&reason)
}
