//! A run in an owner's memory: its session, and what the owner does for it, one
//! atomic action after the other.

use super::bugs::Bug;
use super::crew::{Crew, Moved, step_results};
use super::desk;
use super::owner::Phase;
use super::stored;
use super::world::Stage;
use std::task::Waker;

use crate::error::Error;
use crate::hash::{Digest, Hasher};
use crate::machine::Machine;
use crate::session::{Ending, LeftOpen, Next, Rules, Session, Tail, TaskError, TaskResult, Work};
use crate::store::{Commit, Committed, Park, Parked, Status, StoreError};

/// The most steps of a turn of a simulated run, and the most tasks of a step.
pub(super) const MOST_STEPS: u64 = 16;
pub(super) const MOST_TASKS: usize = 32;

/// A run in an owner's memory.
pub(super) struct Drive {
    session: Session,
    epoch: u64,
    doing: Doing,
    /// The finished tasks of the open step, and how it is to be left.
    finished: Vec<Digest>,
    leaves: Option<Status>,
}

enum Doing {
    /// What the session said.
    Next(Next),
    Step(Crew),
}

pub(super) fn rules(stage: &Stage) -> Rules {
    Rules {
        max_steps: MOST_STEPS,
        run_budget: std::time::Duration::from_secs(60),
        snapshot_every: Some(stage.snapshot_every),
        check_round_trip: false,
        pauses: stage.pauses.clone(),
    }
}

impl Drive {
    /// Begins to drive a run under the lease with `epoch`.
    pub(super) fn begin(
        stage: &Stage,
        machine: Machine,
        epoch: u64,
        tail: Tail,
        left: LeftOpen,
    ) -> Phase {
        let ledger = Box::new(desk::Slot);
        let mut session = Session::stored(machine, rules(stage), epoch, tail, left, ledger);
        let next = session.begin();
        Phase::Driving(Box::new(Self {
            session,
            epoch,
            doing: Doing::Next(next),
            finished: Vec::new(),
            leaves: None,
        }))
    }

    /// One atomic action.
    pub(super) fn act(mut self: Box<Self>, stage: &mut Stage) -> Phase {
        if stage.dice.one_in(12) {
            // If it is lost the next commit says so.
            let _ = stage.shelf.renew(self.epoch);
            return Phase::Driving(self);
        }
        if stage.dice.one_in(stage.rates.dropped) {
            // Nobody waits for the run any more: the lease goes back.
            let _ = stage.shelf.release(self.epoch);
            return Phase::Away;
        }
        let has_ended = matches!(self.doing, Doing::Next(Next::End(_)));
        if !has_ended && stage.dice.one_in(stage.rates.timeouts * 3) {
            let next = match stage.dice.one_in(2) {
                true => self.session.panicked("outside of any node".into()),
                false => self.session.runtime_lost(),
            };
            (self.finished, self.leaves) = (Vec::new(), None);
            return self.on(next);
        }
        let is_drained = stage.dice.one_in(stage.rates.dropped);
        match std::mem::replace(&mut self.doing, Doing::Next(Next::Run)) {
            Doing::Step(mut crew) => {
                if is_drained {
                    crew.cut(stage);
                } else if stage.queue.one_in(stage.rates.blocked) {
                    crew.block(stage);
                }
                self.work(stage, crew)
            }
            Doing::Next(Next::Run) if is_drained => {
                stage.tally.drained += 1;
                let next = self.session.drain();
                self.on(next)
            }
            Doing::Next(Next::Run) => self.start(stage),
            Doing::Next(Next::Commit(commit)) => self.commit(stage, *commit),
            Doing::Next(Next::Park(park)) => self.park(stage, *park),
            Doing::Next(Next::End(ending)) => self.end(stage, ending),
        }
    }

    fn on(mut self: Box<Self>, next: Next) -> Phase {
        self.doing = Doing::Next(next);
        Phase::Driving(self)
    }

    fn start(mut self: Box<Self>, stage: &mut Stage) -> Phase {
        let machine = self.session.machine();
        let is_late = self.session.asks_the_time() && stage.dice.one_in(stage.rates.timeouts * 4);
        if is_late || machine.frontier().len() > MOST_TASKS {
            let next = self.session.late();
            return self.on(next);
        }
        let keys = machine.frontier_keys();
        let crew = match self.session.start() {
            Work::One(task) => Crew::lone(self.session.machine(), task),
            Work::All(kept) => Crew::of(keys, self.session.frontier_mut(), kept),
        };
        stage.tally.lone += u64::from(crew.is_lone);
        self.doing = Doing::Step(crew);
        Phase::Driving(self)
    }

    fn work(mut self: Box<Self>, stage: &mut Stage, mut crew: Crew) -> Phase {
        if stage.dice.one_in(8)
            && self.session.next_due(Waker::noop()).is_some()
            && let Some(mail) = stage.shelf.mail(self.session.known())
        {
            let again = self.session.mail(mail);
            stage.tally.again += crew.again(again);
        }
        match crew.go_on(stage, self.session.machine(), self.epoch) {
            Moved::On => {
                self.doing = Doing::Step(crew);
                Phase::Driving(self)
            }
            Moved::Over(results) => {
                self.note(&crew, &results);
                let next = match crew.is_lone {
                    true => self
                        .session
                        .one(results.into_iter().next().expect("it is one")),
                    false => self.session.all(step_results(&crew, results)),
                };
                self.on(next)
            }
        }
    }

    /// What has to be kept if the step cannot be committed, and how it is to be left.
    fn note(&mut self, crew: &Crew, results: &[TaskResult]) {
        let finished = crew.keys.iter().zip(results);
        let finished = finished.filter(|(_, result)| result.is_ok());
        self.finished = finished.map(|(key, _)| *key).collect();
        let mut errors = results.iter().filter_map(|result| result.as_ref().err());
        let ends = |error: &&TaskError| error.ends_step();
        let has_errors = errors.clone().next().is_some();
        let is_cut = |error| matches!(error, &TaskError::Drained | &TaskError::Dropped);
        let is_cut = errors.clone().any(is_cut);
        self.leaves = has_errors.then(|| match errors.find(ends) {
            None if is_cut && crew.is_blocked() => Status::Paused,
            None if is_cut => Status::Running,
            None => self.session.waits_as(),
            Some(TaskError::Fault(fault)) if fault.is_of_store() => Status::Running,
            Some(_) => Status::Failed,
        });
    }

    fn commit(mut self: Box<Self>, stage: &mut Stage, commit: Commit) -> Phase {
        let (step, is_last) = (commit.record.step, commit.release);
        let is_paused = commit.status == Status::Paused;
        let answer = stage.shelf.commit(commit.clone());
        let is_unwell = matches!(answer, Err(StoreError::Backend { .. }));
        if is_unwell && stage.dice.one_in(2) {
            // Nobody knows whether it happened.
            stage.tally.committed_again += 1;
            let is_stored = stage.shelf.head().is_some_and(|head| head.step == step);
            let again = match stage.bug.filter(|_| is_stored) {
                Some(Bug::StepRewritten) => under_another_key(commit),
                _ => commit,
            };
            return self.on(Next::Commit(Box::new(again)));
        }
        match &answer {
            Ok(Committed::TokenSpent) => {
                let claim = "only turns have tokens";
                stage.shelf.watch.report(claim, "a step's was spent");
            }
            Ok(committed) => {
                stage.tally.paused += u64::from(is_paused);
                stored::compare(stage, self.session.machine());
                if *committed == Committed::Already(None) && !is_last {
                    stage.shelf.watch.told(self.epoch);
                    stage.tally.lost_leases += 1;
                }
            }
            Err(_) => stage.tally.lost_leases += u64::from(!is_unwell),
        }
        (self.finished, self.leaves) = (Vec::new(), None);
        let next = self.session.committed(answer);
        self.on(next)
    }

    fn park(mut self: Box<Self>, stage: &mut Stage, park: Park) -> Phase {
        let parked = stage.shelf.park(park.clone());
        if let Ok(Parked::Mail(_)) = parked {
            stage.tally.met += 1;
            // The step goes on.
            (self.finished, self.leaves) = (Vec::new(), None);
        }
        if matches!(parked, Ok(Parked::Left)) {
            stage.tally.parked += 1;
            stage.tally.waited += u64::from(!park.waits.is_empty());
            let is_given_up = self.leaves == Some(Status::Paused);
            stage.tally.paused += u64::from(park.status == Status::Paused && !is_given_up);
            stage.tally.kept += park.results.len() as u64;
            stage.tally.asked += park.questions.len() as u64;
            stage
                .shelf
                .watch
                .left_with(&park, &self.finished, self.leaves);
        }
        let next = self.session.parked(parked);
        self.on(next)
    }

    fn end(self: Box<Self>, stage: &mut Stage, ending: Result<Ending, Error>) -> Phase {
        match ending {
            Ok(Ending::Done | Ending::Paused) => {
                let lease = stage.shelf.head().and_then(|head| head.lease);
                let own = lease.filter(|lease| lease.epoch == self.epoch);
                stage.shelf.watch.left(own);
                let (machine, tail) = self.session.into_parts();
                return Phase::Done(Box::new((machine, tail)));
            }
            Ok(Ending::Waiting) => {}
            // A lease that the last write has not given back.
            Ok(Ending::Drained) | Err(_) => drop(stage.shelf.release(self.epoch)),
        }
        Phase::Away
    }
}

fn under_another_key(mut commit: Commit) -> Commit {
    let key = commit.record.key;
    commit.record.key = Hasher::new().part(key.as_bytes()).finish();
    commit
}
