//! What goes wrong in a step, as the run's error.

use std::time::Duration;

use super::attempts::{Blocked, TaskError};
use crate::encode::DecodeError;
use crate::error::Error;
use crate::graph::GraphInfo;
use crate::hash::Digest;
use crate::machine::{Machine, StepError};
use crate::panics::caught;
use crate::store::Head;

/// Merges with the user's reducers, whose panics are errors of the step.
pub(crate) fn catch_reducers(
    merge: impl FnOnce() -> Result<(), StepError>,
) -> Result<(), StepError> {
    caught(merge).unwrap_or_else(|panic| {
        let message = format!("a reducer panicked: {panic}");
        Err(StepError::Reduce {
            field: "?",
            message,
        })
    })
}

/// The error for a step that could not be merged.
pub(crate) fn step_error(run: &str, step: u64, error: StepError) -> Error {
    let run = run.to_owned();
    match error {
        StepError::Conflict { field, nodes } => Error::MergeConflict {
            run,
            step,
            field,
            nodes,
        },
        StepError::Undeclared { field, node } => Error::UndeclaredWrite {
            run,
            step,
            node,
            field,
        },
        StepError::Reduce { field, message } => Error::MergeFailed {
            run,
            step,
            field,
            message,
        },
        StepError::Encode { what, error } => Error::not_round_trip(&run, step, what)(error),
    }
}

/// A task that failed for good.
pub(super) struct FailedTask {
    /// In the frontier.
    pub(super) position: usize,
    /// The beginning of its input, as JSON.
    pub(super) input: Option<Box<str>>,
    /// How many further tasks of the step failed.
    pub(super) further: u64,
}

/// Names what stops the run of a machine.
pub(super) struct Faults<'a>(pub(super) &'a Machine);

impl Faults<'_> {
    fn run(&self) -> String {
        self.0.run().to_owned()
    }

    /// The step that is open.
    const fn step(&self) -> u64 {
        self.0.step() + 1
    }

    pub(super) fn no_progress(&self, reason: String) -> Error {
        Error::NoProgress {
            run: self.run(),
            step: self.0.step(),
            reason,
        }
    }

    pub(super) fn max_steps_exceeded(&self, max_steps: u64) -> Error {
        Error::MaxStepsExceeded {
            run: self.run(),
            step: self.0.step(),
            max_steps,
        }
    }

    pub(super) fn budget_exceeded(&self, budget: Duration) -> Error {
        Error::BudgetExceeded {
            run: self.run(),
            step: self.step(),
            budget,
        }
    }

    pub(super) fn draining(&self) -> Error {
        Error::Draining {
            run: self.run(),
            step: Some(self.step()),
        }
    }

    /// An input that was written does not come back.
    pub(super) fn lost_input(&self, error: &DecodeError) -> Error {
        Error::Undecodable {
            run: self.0.run().to_owned(),
            place: format!("the inputs of step {}", self.0.step() + 1),
            reason: error.to_string(),
            help: "give the input's type a `Deserialize` that reads what its `Serialize` writes"
                .into(),
        }
    }

    pub(super) fn backpressure(&self, blocked: Blocked) -> Error {
        let Blocked {
            node, depth, wait, ..
        } = blocked;
        Error::Backpressure {
            run: self.run(),
            step: self.step(),
            node: self.0.info().node_name(node),
            depth,
            wait: Duration::from_millis(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)),
        }
    }

    pub(super) fn runtime_lost(&self) -> Error {
        Error::RuntimeLost {
            run: self.run(),
            step: self.step(),
        }
    }

    /// The error of a task that failed for good.
    pub(super) fn of_task(&self, which: FailedTask, error: TaskError, budget: Duration) -> Error {
        let info = self.0.info();
        let (run, step) = (self.run(), self.step());
        let task = &self.0.frontier()[which.position];
        let node = info.node_name(task.node);
        let item = task.item();
        let FailedTask { input, further, .. } = which;
        match error {
            TaskError::Failed { source, .. } if source.is_refused() => Error::NodeRefused {
                run,
                step,
                node,
                item,
                input,
                further,
                source: source.into_source(),
            },
            TaskError::Failed { source, attempts } => Error::NodeFailed {
                run,
                step,
                node,
                attempts,
                item,
                input,
                further,
                source: source.into_source(),
            },
            TaskError::TimedOut { timeout, attempts } => Error::NodeTimeout {
                run,
                step,
                node,
                timeout,
                attempts,
                item,
                input,
                further,
            },
            TaskError::Idle { idle, attempts } => Error::NodeIdle {
                run,
                step,
                node,
                idle,
                attempts,
                item,
                input,
                further,
            },
            TaskError::Panicked(message) => Error::NodePanicked {
                run,
                step,
                node,
                message,
                item,
                input,
                further,
            },
            TaskError::Budget => self.budget_exceeded(budget),
            TaskError::Fault(fault) => *fault,
            TaskError::Lost => self.runtime_lost(),
            TaskError::Suspended | TaskError::Drained | TaskError::Dropped => {
                unreachable!("who has to run again has not failed")
            }
        }
    }
}

/// The graph differs from `stored`, under which the run or part of it stands.
pub(crate) fn changed(
    graph: &GraphInfo,
    head: &Head,
    stored: Digest,
    differences: Vec<String>,
    help: String,
) -> Error {
    Error::GraphChanged {
        run: head.run.clone(),
        graph: graph.name,
        stored,
        differences,
        help: help.into(),
    }
}
