//! One task of a recorded step, again.

use std::pin::pin;
use std::sync::Arc;

use super::attempt::{Replayed, replayed};
use super::journal::Drift;
use super::matching::Matching;
use super::{RecordedTask, Replay};
use crate::cx::Cx;
use crate::engine::node::{self, Given};
use crate::engine::runtime::is_gone_here;
use crate::error::Error;
use crate::graph::{Done, Hops};
use crate::machine::{Finished, Task, TaskNote, taken};
use crate::session::AttemptError;
use crate::store::StepRecord;
impl<M: Matching> Replay<'_, M> {
    /// Today's result of the task at `position`; an error if that is not
    /// the recorded one.
    ///
    /// What is held while the node runs is this task's own and nobody else's, so that a
    /// replay is `Send` for every graph: inputs need not be `Sync`.
    pub(super) async fn task(
        &mut self,
        record: &StepRecord,
        position: usize,
        recorded: &RecordedTask,
        note: Option<TaskNote>,
    ) -> Result<Finished, Error> {
        let recorded_node = recorded.node.as_deref().unwrap_or("?");
        let run = &self.recorded.head.run;
        let differs = |Drift {
                           what,
                           expected,
                           found,
                       }: Drift| Error::ReplayMismatch {
            run: run.clone(),
            step: record.step,
            node: recorded_node.into(),
            what: what.into(),
            expected: expected.into(),
            found: found.into(),
        };
        let Some(task) = self.machine.frontier().get(position).cloned() else {
            return Err(differs(drift("the place", recorded_node, "no such task")));
        };
        let node = self.machine.info().node_name(task.node);
        if node != recorded_node {
            return Err(differs(drift("the place", recorded_node, node)));
        }
        let finished = match &recorded.failed {
            // As far as anybody knows, it failed because of the outside world.
            Some(failure) => {
                let hops = self
                    .program
                    .on_error(task.node, failure.clone(), task.input.as_ref());
                let hops = hops.ok_or_else(|| {
                    differs(drift("the error row", &failure.message, "no such row"))
                })?;
                let failure = Some(Box::new(failure.clone()));
                Finished {
                    update: None,
                    hops,
                    failure,
                    attempt: 1,
                    saw: None,
                }
            }
            None => {
                let done = self.run(task, note).await;
                let Done { update, hops } = done.map_err(|stop| match stop {
                    Stop::Differs(drift) => differs(drift),
                    Stop::Fault(fault) => fault,
                })?;
                Finished {
                    update,
                    hops,
                    failure: None,
                    attempt: 1,
                    saw: None,
                }
            }
        };
        match self.compare(record, recorded, &finished)? {
            None => Ok(finished),
            Some(drift) => Err(differs(drift)),
        }
    }

    /// Update and route against the record.
    fn compare(
        &self,
        record: &StepRecord,
        recorded: &RecordedTask,
        finished: &Finished,
    ) -> Result<Option<Drift>, Error> {
        let run = &self.recorded.head.run;
        let not_round_trip = Error::not_round_trip(run, record.step, "the update of a task");
        let update = finished
            .update
            .as_ref()
            .map(|update| update.first().to_text());
        let update = update.transpose().map_err(not_round_trip)?;
        let expected = recorded.update.as_ref();
        let expected = expected.map(|update| self.matching.recorded_update(update.get()));
        let expected = expected.transpose();
        let expected = expected.map_err(|error| self.undecodable(record, error))?;
        if update != expected {
            let shown = |update: Option<String>| update.unwrap_or_else(|| "no update".into());
            let (expected, found) = (shown(expected), shown(update));
            return Ok(Some(drift("the update", &expected, &found)));
        }
        let recorded_route = recorded
            .to
            .as_ref()
            .map(|to| self.matching.recorded_route(record, to));
        let route = match &finished.hops {
            Hops::Taken(hops) => Some(self.matching.route(&taken(hops))),
            Hops::Row => None,
        };
        if route == recorded_route {
            return Ok(None);
        }
        let shown = |route: Option<String>| route.unwrap_or_else(|| "its only row".into());
        let (expected, found) = (shown(recorded_route), shown(route));
        Ok(Some(drift("the route", &expected, &found)))
    }

    async fn run(&mut self, task: Task, note: Option<TaskNote>) -> Result<Done, Stop> {
        let last = self.machine.step();
        let saw = note.and_then(|note| note.saw).unwrap_or(last);
        let older = self.older.iter().find(|(step, _)| *step == saw);
        let state = older.map_or(self.machine.state(), |(_, state)| state);
        let state = Arc::clone(state);
        let attempt = note.map_or(1, |note| note.attempt);
        let info = &self.machine.info().nodes[task.node as usize];
        let keys = self.machine.keys();
        let key = keys.get(task.key);
        let cx = Cx::new(
            keys.clone(),
            task.key,
            saw.saturating_add(1),
            info.name,
            attempt,
        );
        let journal = Arc::clone(&self.journal);
        journal.begin_task();
        let stop = || journal.drift().is_some();
        let limits = self.limits.of(&info.options);
        let cx = Given::to(info, cx);
        let result = {
            let start = limits.start();
            let call = node::call(self.program, task.node, task.input, &state, &cx, start);
            replayed(pin!(call), cx.cx(), stop, limits).await
        };
        let fault = cx.let_go().take_fault();
        if let Some(drift) = journal.drift() {
            return Err(Stop::Differs(drift));
        }
        if let Some(fault) = fault {
            return Err(Stop::Fault(fault));
        }
        let lost = || Error::RuntimeLost {
            run: self.recorded.head.run.clone(),
            step: last + 1,
        };
        let instead = match result {
            Replayed::Finished(Ok(done)) => {
                return match journal.uncalled(key) {
                    None => Ok(done),
                    Some(drift) => Err(Stop::Differs(drift)),
                };
            }
            _ if is_gone_here() => return Err(Stop::Fault(lost())),
            Replayed::Finished(Err(AttemptError::Failed(error))) => format!("an error: {error}"),
            Replayed::Finished(Err(_)) => return Err(Stop::Fault(lost())),
            Replayed::Panicked(panic) => format!("a panic: {panic}"),
            Replayed::Stopped | Replayed::Stuck => self.in_vain()?,
            Replayed::Late(limit) => {
                self.in_vain()?;
                match limit {
                    AttemptError::TimedOut(timeout) => format!("it is not done after {timeout:?}"),
                    AttemptError::Idle(idle) => format!("it shows no sign of life for {idle:?}"),
                    _ => return Err(Stop::Fault(lost())),
                }
            }
        };
        Err(Stop::Differs(drift("the result", "success", &instead)))
    }

    /// What to say about a node that waits; an error if it waits for an effect
    /// that is not on record.
    fn in_vain(&self) -> Result<String, Stop> {
        match self.journal.unrecorded() {
            Some(drift) => Err(Stop::Differs(drift)),
            None => Ok("it waits for something that never comes".into()),
        }
    }
}

/// Why a task did not finish in a replay.
enum Stop {
    Differs(Drift),
    Fault(Error),
}

fn drift(what: &str, expected: &str, found: &str) -> Drift {
    let (what, expected, found) = (what.into(), expected.into(), found.into());
    Drift {
        what,
        expected,
        found,
    }
}
