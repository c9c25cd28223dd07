//! Drives a run from step to step until nothing is left to do.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::core::Core;
use super::ledger::Ledger;
use super::step::{self, StepContext, TaskError, TaskResult, panic_message};
use crate::cx::RunIdentity;
use crate::error::Error;
use crate::graph::Graph;
use crate::hash::Digest;
use crate::machine::{Finished, Machine, StepError, Task};
use crate::store::Status;

/// The clock is read once in so many steps: reading it costs a quarter of a cheap step.
const CLOCK_EVERY: u64 = 32;

/// A run while it is being driven.
pub(super) struct Drive<'a, G: Graph, L> {
    pub(super) core: &'a Core<G>,
    pub(super) run: &'a Arc<RunIdentity>,
    pub(super) machine: &'a mut Machine<G>,
    pub(super) ledger: &'a mut L,
    pub(super) deadline: Instant,
}

impl<G: Graph, L: Ledger<G>> Drive<'_, G, L> {
    /// Goes on until the run is done.
    pub(super) async fn to_the_end(&mut self) -> Result<(), Error> {
        self.stop_if_stuck().await?;
        let mut kept = self.ledger.kept();
        let mut finished = Vec::new();
        while !self.machine.is_done() {
            if let Some(error) = self.limit() {
                return self.fail(error).await;
            }
            if kept.is_empty() && self.machine.frontier().len() == 1 {
                self.run_lone_task(&mut finished).await?;
            } else {
                self.run_fan_out(std::mem::take(&mut kept), &mut finished)
                    .await?;
            }
            if let Err(error) = self.merge(&mut finished) {
                return self.fail(error).await;
            }
            let stuck = self
                .machine
                .stuck()
                .map_err(|source| self.not_round_trip(source))?;
            let status = if stuck.is_none() && self.machine.is_done() {
                Status::Completed
            } else {
                Status::Running
            };
            self.ledger.commit(self.machine, status).await?;
            if let Some(reason) = stuck {
                return self.fail(self.no_progress(reason)).await;
            }
            consume_budget().await;
        }
        Ok(())
    }

    /// A run that was left without progress still has none.
    async fn stop_if_stuck(&mut self) -> Result<(), Error> {
        if !self.machine.is_done() {
            return Ok(());
        }
        match self
            .machine
            .stuck()
            .map_err(|source| self.not_round_trip(source))?
        {
            Some(reason) => self.fail(self.no_progress(reason)).await,
            None => Ok(()),
        }
    }

    /// The limit that the run has reached, if it has reached one.
    fn limit(&self) -> Option<Error> {
        let taken = self.machine.step() - self.machine.turn_step();
        let max_steps = self.core.settings.max_steps;
        if taken >= max_steps {
            return Some(Error::MaxStepsExceeded {
                run: self.run.id.clone(),
                step: self.machine.step(),
                max_steps,
            });
        }
        (taken.is_multiple_of(CLOCK_EVERY) && Instant::now() >= self.deadline)
            .then(|| self.budget_exceeded())
    }

    fn context(&self) -> StepContext<G> {
        StepContext {
            graph: Arc::clone(&self.core.graph),
            state: Arc::clone(self.machine.state()),
            run: Arc::clone(self.run),
            keys: self.machine.keys().clone(),
            step: self.open_step(),
            default_timeout: self.core.settings.default_timeout,
            deadline: self.deadline,
        }
    }

    async fn run_lone_task(&mut self, finished: &mut Vec<Finished<G>>) -> Result<(), Error> {
        let context = self.context();
        let task = self.machine.frontier()[0].clone();
        match step::run_one(&context, task).await {
            Ok(done) => {
                finished.push(done);
                Ok(())
            }
            Err(error) => {
                let error = self.task_error(0, error);
                self.fail(error).await
            }
        }
    }

    /// Runs the tasks whose results are not kept; if one fails, the results of
    /// the others are kept and the first failure in frontier order is the error.
    async fn run_fan_out(
        &mut self,
        mut kept: super::ledger::Kept<G>,
        finished: &mut Vec<Finished<G>>,
    ) -> Result<(), Error> {
        let keys = self.machine.keys();
        let mut results: Vec<Option<TaskResult<G>>> = if kept.is_empty() {
            self.machine.frontier().iter().map(|_| None).collect()
        } else {
            self.machine
                .frontier()
                .iter()
                .map(|task| kept.remove(&keys.get(task.key)).map(Ok))
                .collect()
        };
        let open: Vec<Task<G::Input>> = (self.machine.frontier().iter().zip(&results))
            .filter(|(_, result)| result.is_none())
            .map(|(task, _)| task.clone())
            .collect();
        let fresh = step::run_many(self.context(), open, self.core.settings.limits()).await;
        results
            .iter_mut()
            .filter(|result| result.is_none())
            .zip(fresh)
            .for_each(|(slot, result)| *slot = Some(result));

        let results: Vec<TaskResult<G>> = results.into_iter().flatten().collect();
        if results.iter().all(Result::is_ok) {
            finished.extend(results.into_iter().flatten());
            return Ok(());
        }
        self.keep_and_fail(results).await
    }

    async fn keep_and_fail(&mut self, results: Vec<TaskResult<G>>) -> Result<(), Error> {
        let mut first = None;
        let mut keep = Vec::new();
        for (position, result) in results.into_iter().enumerate() {
            match result {
                Err(error) if first.is_none() => first = Some(self.task_error(position, error)),
                Err(_) => {}
                Ok(done) => {
                    let task = &self.machine.frontier()[position];
                    // A result that has no encoding is not kept: its task runs again.
                    if let Some(text) = self.ledger.result_text(&done) {
                        let node = self.machine.info().node_name(task.node);
                        keep.push((self.machine.keys().get(task.key), node, text));
                    }
                }
            }
        }
        let Some(error) = first else { return Ok(()) };
        self.park(keep, error).await
    }

    /// The step happens: checked, noted, merged, its routes expanded.
    fn merge(&mut self, finished: &mut Vec<Finished<G>>) -> Result<(), Error> {
        let step = self.open_step();
        self.machine
            .check(finished)
            .map_err(|error| self.step_error(step, error))?;
        self.ledger
            .note(self.machine, finished)
            .map_err(|source| self.step_error(step, StepError::Encode(source)))?;
        let machine = &mut *self.machine;
        let merged =
            catch_unwind(AssertUnwindSafe(|| machine.advance(finished))).unwrap_or_else(|panic| {
                let message = format!("a reducer panicked: {}", panic_message(&*panic));
                Err(StepError::Reduce {
                    field: "?",
                    message,
                })
            });
        merged.map_err(|error| self.step_error(step, error))
    }

    async fn fail<T>(&mut self, error: Error) -> Result<T, Error> {
        self.park(Vec::new(), error).await
    }

    /// Leaves the open step because of `error`. That is what the caller has to
    /// know, unless the run is somebody else's by now; if the store could not
    /// keep the results, their tasks run again.
    async fn park<T>(
        &mut self,
        results: Vec<(Digest, &'static str, String)>,
        error: Error,
    ) -> Result<T, Error> {
        match self.ledger.park(self.machine.step(), results, &error).await {
            Err(lost @ Error::LeaseLost { .. }) => Err(lost),
            _ => Err(error),
        }
    }

    fn open_step(&self) -> u64 {
        self.machine.step() + 1
    }

    fn budget_exceeded(&self) -> Error {
        let budget = self.core.settings.run_budget;
        Error::BudgetExceeded {
            run: self.run.id.clone(),
            step: self.open_step(),
            budget,
        }
    }

    fn no_progress(&self, reason: String) -> Error {
        Error::NoProgress {
            run: self.run.id.clone(),
            step: self.machine.step(),
            reason,
        }
    }

    fn not_round_trip(&self, source: crate::encode::EncodeError) -> Error {
        Error::NotRoundTrip {
            run: self.run.id.clone(),
            step: self.machine.step(),
            source,
        }
    }

    /// What the engine says of the task at `position` that failed for good.
    fn task_error(&self, position: usize, error: TaskError) -> Error {
        let info = self.machine.info();
        let (run, step) = (self.run.id.clone(), self.open_step());
        let node = info.node_name(self.machine.frontier()[position].node);
        match error {
            TaskError::Failed { source, attempts } => Error::NodeFailed {
                run,
                step,
                node,
                attempts,
                source: source.into_source(),
            },
            TaskError::TimedOut { timeout, attempts } => Error::NodeTimeout {
                run,
                step,
                node,
                timeout,
                attempts,
            },
            TaskError::Panicked(message) => Error::NodePanicked {
                run,
                step,
                node,
                message,
            },
            TaskError::EmptyEach(edge) => {
                let edge = &info.edges[edge as usize];
                Error::EmptyEach {
                    run,
                    step,
                    from: info.node_name(edge.from),
                    to: info.node_name(edge.to),
                }
            }
            TaskError::Budget => self.budget_exceeded(),
        }
    }

    fn step_error(&self, step: u64, error: StepError) -> Error {
        step_error(&self.run.id, step, error)
    }
}

/// What the engine says of a step that could not be merged.
pub(super) fn step_error(run: &str, step: u64, error: StepError) -> Error {
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
        StepError::Encode(source) => Error::NotRoundTrip { run, step, source },
    }
}
