//! A run in an owner's memory, driven move by move.

use super::bugs::Bug;
use super::drama::Drama;
use super::effects::{Outcome, next_call};
use super::nodes::View;
use super::open_step::{Attempt, Done, OpenStep, Slot};
use super::owner::Phase;
use super::reference::{End, end_of};
use super::shelf::RUN;
use super::world::Stage;
use crate::cx::MadeCall;
use crate::error::Error;
use crate::machine::{Machine, result_text};
use crate::node_error::NodeError;
use crate::session::{self, KeptText, OpenEffects, SnapshotRule, Why};
use crate::store::{Commit, Head, StoreError};

/// A run in an owner's memory.
pub(super) struct Drive {
    pub(super) machine: Machine<Drama>,
    pub(super) epoch: u64,
    pub(super) effects: OpenEffects,
    pub(super) open: Option<OpenStep>,
    /// What is to be committed.
    pub(super) sealed: Option<Commit>,
    pub(super) snapshots: SnapshotRule,
}

impl Drive {
    /// One atomic action.
    pub(super) fn act(mut self: Box<Self>, stage: &mut Stage) -> Phase {
        if stage.dice.one_in(12) {
            // When it is lost the next commit says so.
            let _ = stage.shelf.renew(self.epoch);
            return Phase::Driving(self);
        }
        if let Some(commit) = self.sealed.take() {
            return self.commit(stage, commit);
        }
        match end_of(&mut self.machine) {
            None => self.go_on(stage),
            Some(End::Completed) => {
                let claim = "a run without tasks is completed";
                stage
                    .shelf
                    .watch
                    .report(claim, self.machine.step().to_string());
                Phase::Away
            }
            Some(end) => {
                let error = end.error(self.machine.step());
                self.park(stage, Vec::new(), &error)
            }
        }
    }

    /// One move in the open step: a task starts, or comes to something, or all
    /// have and the step is merged.
    fn go_on(mut self: Box<Self>, stage: &mut Stage) -> Phase {
        let mut open =
            (self.open.take()).unwrap_or_else(|| OpenStep::new(&self.machine, Default::default()));
        let waiting = open
            .waiting()
            .filter(|_| open.running().count() < stage.concurrency);
        let moves = open.running().count() + usize::from(waiting.is_some());
        if moves == 0 {
            return self.close(stage, open);
        }
        let chosen = stage.dice.index(moves);
        let running = open.running().nth(chosen);
        match (running, waiting) {
            (Some(position), _) => {
                if let Err(error) = self.move_task(stage, &mut open, position) {
                    return self.give_up(stage, open, &error);
                }
            }
            (None, Some(position)) => {
                let key = open.keys[position];
                stage.shelf.watch.started(self.epoch, key);
                stage.tally.tasks += 1;
                open.slots[position] = Slot::Running(Attempt::default());
            }
            (None, None) => unreachable!("a move was counted"),
        }
        self.open = Some(open);
        Phase::Driving(self)
    }

    fn move_task(
        &mut self,
        stage: &mut Stage,
        open: &mut OpenStep,
        position: usize,
    ) -> Result<(), StoreError> {
        let Slot::Running(attempt) = &mut open.slots[position] else {
            unreachable!("only what runs is moved");
        };
        let task = &self.machine.frontier()[position];
        let view = View {
            node: task.node,
            key: open.keys[position],
            input: task.input,
            state: self.machine.state(),
            step: self.machine.step() + 1,
        };
        let fails = match view.calls().get(attempt.answers.len()) {
            Some(call) => {
                let known = (self.epoch, &mut self.effects);
                match next_call(stage, known, &view, attempt, *call)? {
                    Outcome::GoesOn => return Ok(()),
                    Outcome::Fails => true,
                }
            }
            None => stage.dice.one_in(stage.rates.failures),
        };
        let number = attempt.number + 1;
        open.slots[position] = if !fails {
            open.finished.push(position);
            let calls = (0..)
                .zip(view.calls())
                .map(|(position, (name, n))| MadeCall {
                    name: (*name).to_owned(),
                    n: *n,
                    position,
                    seen: true,
                });
            let buffered = std::mem::take(&mut attempt.effects);
            self.effects.finish(view.key, calls.collect(), buffered);
            Slot::Done(Box::new(Done {
                came_to: view.work(&attempt.answers),
                was_retried: attempt.number > 0,
                is_kept: false,
            }))
        } else if number < stage.attempts {
            stage.tally.retries += 1;
            Slot::Running(Attempt {
                number,
                ..Attempt::default()
            })
        } else {
            Slot::Failed
        };
        Ok(())
    }

    /// The store did not take an effect.
    fn give_up(
        mut self: Box<Self>,
        stage: &mut Stage,
        open: OpenStep,
        error: &StoreError,
    ) -> Phase {
        let unwell = matches!(error, StoreError::Backend { .. });
        if unwell && stage.dice.one_in(2) {
            self.open = Some(open);
            return Phase::Driving(self);
        }
        if unwell {
            let _ = stage.shelf.release(self.epoch);
        } else {
            stage.tally.lost_leases += 1;
        }
        Phase::Away
    }

    fn close(mut self: Box<Self>, stage: &mut Stage, open: OpenStep) -> Phase {
        if !open.has_failed() {
            self.merge(stage, open);
            return Phase::Driving(self);
        }
        // What is kept already stands beside the state that it saw.
        let all = stage.bug == Some(Bug::KeptResultParkedAgain);
        let news = open.done().filter(|(_, done)| all || !done.is_kept);
        let results = news.map(|(position, done)| KeptText {
            task: open.keys[position],
            node: (stage.graph.info).node_name(self.machine.frontier()[position].node),
            result: result_text(&done.came_to, false).expect("a tale has an encoding"),
        });
        let results = results.collect();
        self.park(stage, results, &by_chance())
    }

    fn park(self: Box<Self>, stage: &mut Stage, results: Vec<KeptText>, error: &Error) -> Phase {
        stage.tally.parked += 1;
        stage.tally.kept += results.len() as u64;
        let (run, saw) = ((RUN, self.epoch), self.machine.step());
        let park = session::park(run, saw, results, Why::Failed(error), &self.effects);
        // If the store is unwell the lease lapses and the tasks run again.
        let _ = stage.shelf.park(park);
        Phase::Away
    }
}

/// A task failed by chance.
fn by_chance() -> Error {
    Error::NodeFailed {
        run: RUN.into(),
        step: 0,
        node: "somebody",
        attempts: 1,
        source: NodeError::permanent("as the dice would have it").into_source(),
    }
}

/// Whether that was it.
pub(super) fn failed_by_chance(head: &Head) -> bool {
    has_code(head, by_chance().code())
}

/// Whether a run failed with the error of that word.
pub(super) fn has_code(head: &Head, code: &str) -> bool {
    let code = format!("\"code\":\"{code}\"");
    head.error
        .as_deref()
        .is_some_and(|error| error.contains(&code))
}
