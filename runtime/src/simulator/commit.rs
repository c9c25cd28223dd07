//! How an owner merges its open step and commits it.

use super::bugs::{self, Bug};
use super::drama::Drama;
use super::drive::Drive;
use super::load::{Stored, restore};
use super::open_step::OpenStep;
use super::owner::Phase;
use super::reference::{End, end_of};
use super::world::Stage;
use crate::encode;
use crate::machine::Machine;
use crate::session::{self, Noted, OpenEffects};
use crate::store::{Commit, Committed, Status, StoreError};

impl Drive {
    /// The step happens in memory.
    pub(super) fn merge(&mut self, stage: &mut Stage, open: OpenStep) {
        let keys = self.machine.frontier_keys();
        let completion = open.finished.clone();
        let retried = open.done().filter(|(_, done)| done.was_retried);
        let retried: Vec<usize> = retried.map(|(position, _)| position).collect();
        let mut finished = open.into_finished();
        let gathered = self.machine.gather(&mut finished);
        let mut gathered = gathered.expect("tales agree where they have to");
        let done: Vec<_> = gathered.beside(&finished).collect();
        let noted = Noted::of(&self.machine, &done, self.snapshots.checks());
        let noted = noted.expect("a tale has an encoding");
        match stage.bug {
            Some(Bug::MergeByCompletion) => {
                bugs::merge_by_completion(&mut gathered, &completion);
            }
            Some(Bug::RetriedTaskMergedTwice) => bugs::merge_again(&mut gathered, &retried),
            _ => {}
        }
        let lone = finished.len() == 1 && stage.bug.is_none();
        let advanced = match finished.first_mut() {
            Some(Some(done)) if lone => {
                done.update = gathered.updates.pop();
                self.machine.advance_one(done)
            }
            _ => self.machine.advance(gathered, finished),
        };
        advanced.expect("nothing overflows");
        if stage.bug == Some(Bug::FrontierByCompletion) {
            bugs::frontier_by_completion(&mut self.machine, &keys, &completion);
        }
        let status = status_of(&mut self.machine);
        let commit = noted.commit(
            &mut self.machine,
            &self.effects,
            &mut self.snapshots,
            status,
            self.epoch,
        );
        self.effects = OpenEffects::default();
        self.sealed = Some(commit.expect("a tale has an encoding"));
    }

    pub(super) fn commit(mut self: Box<Self>, stage: &mut Stage, commit: Commit) -> Phase {
        let is_final = commit.release;
        match stage.shelf.commit(commit.clone()) {
            Ok(committed) if committed != Committed::TokenSpent => {
                self.compare_with_stored(stage);
                if committed == Committed::Already(None) && !is_final {
                    stage.shelf.watch.told(self.epoch);
                }
                let goes_on = session::is_held_after(&committed, is_final);
                stage.tally.lost_leases += u64::from(!goes_on && !is_final);
                if goes_on {
                    Phase::Driving(self)
                } else {
                    Phase::Away
                }
            }
            // Nobody knows whether it happened.
            Err(StoreError::Backend { .. }) if stage.dice.one_in(2) => {
                stage.tally.committed_again += 1;
                let step = stage.shelf.head().map(|head| head.step);
                let is_stored = step == Some(commit.record.step);
                self.sealed = Some(match stage.bug.filter(|_| is_stored) {
                    Some(Bug::StepRewritten) => bugs::under_another_key(commit),
                    _ => commit,
                });
                Phase::Driving(self)
            }
            Err(StoreError::Backend { .. }) => {
                let _ = stage.shelf.release(self.epoch);
                Phase::Away
            }
            Err(_) => {
                stage.tally.lost_leases += 1;
                Phase::Away
            }
            Ok(_) => {
                stage
                    .shelf
                    .watch
                    .report("only turns have tokens", "a step's was spent");
                Phase::Away
            }
        }
    }

    /// What was acknowledged is stored, and comes back as what it was.
    fn compare_with_stored(&self, stage: &mut Stage) {
        let Some(Stored {
            loaded,
            machine: restored,
            ..
        }) = restore(stage)
        else {
            return;
        };
        if loaded.head.step > self.machine.step() {
            return; // somebody else is further by now
        }
        let texts = [&restored, &self.machine].map(|machine| {
            let state = encode::to_string(&**machine.state()).expect("a tale has an encoding");
            let frontier = machine.frontier_text().expect("a tale has an encoding");
            format!(
                "step {}\n{}\n{state}\n{frontier}",
                machine.step(),
                machine.chain()
            )
        });
        if texts[0] != texts[1] || restored.state() != self.machine.state() {
            let details = format!("restored: {}\nin memory: {}", texts[0], texts[1]);
            stage
                .shelf
                .watch
                .report("what was acknowledged comes back as it was", details);
        }
    }
}

pub(super) fn status_of(machine: &mut Machine<Drama>) -> Status {
    match end_of(machine) {
        Some(End::Completed) => Status::Completed,
        _ => Status::Running,
    }
}
