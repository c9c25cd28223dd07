//! Drives a run from step to step until nothing is left to do.

use std::iter::once;

use tokio::task::coop::consume_budget;
use tokio::time::Instant;

use super::core::Core;
use super::ledger::Ledger;
use super::runtime;
use super::step::{self, Fanout, StepClock, StepContext, StepResults, TaskError};
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::{DoneTask, Finished, Machine, StepError};
use crate::session::{Kept, KeptText, Why, catch_reducers, step_error};
use crate::store::Status;

/// The clock is read once in so many steps: reading it costs a quarter of a cheap step.
const CLOCK_EVERY: u64 = 32;

/// Where the driving of a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// Nothing is left to do.
    Done,
    /// The open step waits for answers.
    Interrupted,
}

/// A run while it is being driven.
pub(super) struct Drive<'a, G: Graph, L> {
    pub(super) core: &'a Core<G>,
    pub(super) machine: &'a mut Machine<G>,
    pub(super) ledger: &'a mut L,
    pub(super) deadline: Instant,
}

impl<G: Graph, L: Ledger<G>> Drive<'_, G, L> {
    /// Goes on until the run is done, or waits for somebody.
    pub(super) async fn finish(&mut self) -> Result<Ending, Error> {
        self.stop_if_stuck().await?;
        let mut kept = self.ledger.kept();
        while !self.machine.is_done() {
            if let Some(error) = self.limit() {
                return self.fail(error).await;
            }
            let ending = if kept.is_empty() && self.machine.frontier().len() == 1 {
                self.lone_task().await?
            } else {
                self.fan_out(std::mem::take(&mut kept)).await?
            };
            if ending == Ending::Interrupted {
                return Ok(ending);
            }
            self.commit().await?;
            consume_budget().await;
        }
        Ok(Ending::Done)
    }

    async fn commit(&mut self) -> Result<(), Error> {
        let stuck = match self.stuck() {
            Ok(stuck) => stuck,
            Err(error) => return self.fail(error).await,
        };
        let completed = stuck.is_none() && self.machine.is_done();
        let status = if completed {
            Status::Completed
        } else {
            Status::Running
        };
        match self.ledger.commit(self.machine, status).await {
            // The store is well: the step itself cannot be committed.
            Err(error @ (Error::NotRoundTrip { .. } | Error::TooLarge { .. })) => {
                return self.fail(error).await;
            }
            committed => committed?,
        }
        match stuck {
            Some(reason) => self.fail(self.no_progress(reason)).await,
            None => Ok(()),
        }
    }

    /// A run that was left without progress still has none.
    async fn stop_if_stuck(&mut self) -> Result<(), Error> {
        if !self.machine.is_done() {
            return Ok(());
        }
        match self.stuck() {
            Ok(Some(reason)) => self.fail(self.no_progress(reason)).await,
            Ok(None) => Ok(()),
            Err(error) => self.fail(error).await,
        }
    }

    /// Why the run can never go on from here, if that is so.
    fn stuck(&mut self) -> Result<Option<String>, Error> {
        let step = self.machine.step();
        (self.machine.stuck()).map_err(|error| self.step_error(step, error.into()))
    }

    /// The limit that the run has reached, if it has reached one.
    fn limit(&self) -> Option<Error> {
        let taken = self.machine.taken();
        let max_steps = self.core.settings.max_steps;
        if taken >= max_steps {
            return Some(Error::MaxStepsExceeded {
                run: self.run(),
                step: self.machine.step(),
                max_steps,
            });
        }
        (taken.is_multiple_of(CLOCK_EVERY) && Instant::now() >= self.deadline)
            .then(|| self.budget_exceeded())
    }

    fn clock(&self) -> StepClock {
        StepClock {
            step: self.open_step(),
            default_timeout: self.core.settings.default_timeout,
            deadline: self.deadline,
        }
    }

    fn context(&self) -> StepContext<'_, G> {
        StepContext {
            graph: &self.core.graph,
            state: self.machine.state(),
            keys: self.machine.keys(),
            clock: self.clock(),
        }
    }

    async fn lone_task(&mut self) -> Result<Ending, Error> {
        let task = self.machine.frontier_mut()[0].start();
        let mut done = match step::run_one(self.context(), task).await {
            Ok(done) => done,
            Err(TaskError::Suspended) => return self.interrupt(Vec::new()).await,
            Err(TaskError::Lost) => return Err(self.runtime_lost()),
            Err(error) => return self.fail(self.task_error(0, error)).await,
        };
        let checked = match &done.update {
            Some(update) => self.machine.check_writes(0, update),
            None => Ok(()),
        };
        let noted = checked.and_then(|()| self.note(once((done.update.as_ref(), &done))));
        match self.merge(noted, |machine, ()| machine.advance_one(&mut done)) {
            Ok(()) => Ok(Ending::Done),
            Err(error) => self.fail(error).await,
        }
    }

    /// Runs the tasks whose results are not kept; if one fails, the results of
    /// the others are kept and the first failure in frontier order is the error.
    async fn fan_out(&mut self, kept: Kept<G>) -> Result<Ending, Error> {
        let limits = self.core.settings.limits();
        let finished = self.kept_in_place(kept);
        let fanout = Fanout::new(self.context(), limits);
        let mut results = fanout.run(self.machine.frontier_mut(), finished).await;
        if let Some((position, error)) = results.failure() {
            let error = self.task_error(position, error);
            return self.park(self.results(&results.finished), error).await;
        }
        if results.is_lost() {
            return Err(self.runtime_lost());
        }
        let StepResults {
            mut finished,
            failed,
        } = results;
        let waits = !failed.is_empty();
        if waits {
            return self.interrupt(self.results(&finished)).await;
        }
        let gathered = self.machine.gather(&mut finished).and_then(|gathered| {
            self.note(gathered.beside(&finished))?;
            Ok(gathered)
        });
        match self.merge(gathered, |machine, gathered| {
            machine.advance(gathered, finished)
        }) {
            Ok(()) => Ok(Ending::Done),
            Err(error) => self.fail(error).await,
        }
    }

    /// The kept results at their tasks' places in the frontier.
    fn kept_in_place(&self, mut kept: Kept<G>) -> Vec<Option<Finished<G>>> {
        if kept.is_empty() {
            return Vec::new();
        }
        let keys = self.machine.keys();
        self.machine
            .frontier()
            .iter()
            .map(|task| kept.remove(&keys.get(task.key)))
            .collect()
    }

    /// The results of a step that failed in part, as text, but for those that
    /// are kept already, beside the state that they saw. One that has no
    /// encoding is not kept: its task runs again.
    fn results(&self, finished: &[Option<Finished<G>>]) -> Vec<KeptText> {
        let tasks = self.machine.frontier().iter().zip(finished);
        tasks
            .filter_map(|(task, done)| {
                let news = done.as_ref().filter(|done| done.saw.is_none())?;
                let result = self.ledger.result_text(news)?;
                let node = self.machine.info().node_name(task.node);
                Some(KeptText {
                    task: self.machine.keys().get(task.key),
                    node,
                    result,
                })
            })
            .collect()
    }

    /// Notes what the tasks did while it can be read.
    fn note<'b>(&mut self, done: impl Iterator<Item = DoneTask<'b, G>>) -> Result<(), StepError> {
        self.ledger
            .note(self.machine, done)
            .map_err(StepError::Encode)
    }

    /// The step happens, if what its tasks did can be merged: their updates
    /// are merged, their routes expanded.
    fn merge<T>(
        &mut self,
        mergeable: Result<T, StepError>,
        advance: impl FnOnce(&mut Machine<G>, T) -> Result<(), StepError>,
    ) -> Result<(), Error> {
        let step = self.open_step();
        let machine = &mut *self.machine;
        let merge = || mergeable.and_then(|noted| advance(machine, noted));
        catch_reducers(merge).map_err(|error| self.step_error(step, error))
    }

    async fn fail<T>(&mut self, error: Error) -> Result<T, Error> {
        self.park(Vec::new(), error).await
    }

    /// Leaves the open step because of `error`. That is what the caller has to
    /// know, unless the run is somebody else's by now; if the store could not
    /// keep the results, their tasks run again.
    async fn park<T>(&mut self, results: Vec<KeptText>, error: Error) -> Result<T, Error> {
        let (saw, why) = (self.machine.step(), Why::Failed(&error));
        let mut parked = self.ledger.park(saw, results, why).await;
        if matches!(parked, Err(Error::TooLarge { .. })) {
            // Without what no store takes: its task runs again.
            parked = self.ledger.park(saw, Vec::new(), why).await;
        }
        match parked {
            Err(lost @ Error::LeaseLost { .. }) => Err(lost),
            _ => Err(error),
        }
    }

    /// Leaves the open step until its questions are answered.
    async fn interrupt(&mut self, results: Vec<KeptText>) -> Result<Ending, Error> {
        let saw = self.machine.step();
        self.ledger.park(saw, results, Why::Interrupted).await?;
        Ok(Ending::Interrupted)
    }

    /// Users' code panicked outside a node and a reducer, or a runtime did that was
    /// shut down beneath.
    pub(super) async fn panicked(&mut self, message: String) -> Result<Ending, Error> {
        if runtime::is_gone_here() {
            return Err(self.runtime_lost());
        }
        let run = self.run();
        self.fail(Error::Panicked { run, message }).await
    }

    fn run(&self) -> String {
        self.machine.run().to_owned()
    }

    fn open_step(&self) -> u64 {
        self.machine.step() + 1
    }

    fn runtime_lost(&self) -> Error {
        Error::RuntimeLost {
            run: self.run(),
            step: self.open_step(),
        }
    }

    fn budget_exceeded(&self) -> Error {
        let budget = self.core.settings.run_budget;
        Error::BudgetExceeded {
            run: self.run(),
            step: self.open_step(),
            budget,
        }
    }

    fn no_progress(&self, reason: String) -> Error {
        Error::NoProgress {
            run: self.run(),
            step: self.machine.step(),
            reason,
        }
    }

    /// What the engine says of the task at `position` that failed for good.
    fn task_error(&self, position: usize, error: TaskError) -> Error {
        let info = self.machine.info();
        let (run, step) = (self.run(), self.open_step());
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
            TaskError::Fault(fault) => *fault,
            TaskError::Lost => self.runtime_lost(),
            TaskError::Suspended => unreachable!("who waits for an answer has not failed"),
        }
    }

    fn step_error(&self, step: u64, error: StepError) -> Error {
        step_error(self.machine.run(), step, error)
    }
}
