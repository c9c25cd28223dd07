//! Somebody who corrects the run from outside, branches it off, or prunes it.
//!
//! For a correction they take the lease before they read what it is based on: else an
//! owner whose lease has lapsed could journal an effect in between.

use std::sync::Arc;

use super::bugs::Bug;
use super::drama::tale_of;
use super::drive::rules;
use super::otherwise::otherwise;
use super::owner::creation;
use super::shelf::TERM;
use super::stored::{Stored, blueprint, readable, restore};
use super::tale::{annotated, correction, edited};
use super::world::Stage;
use crate::session::load::turn_of;
use crate::session::{Branch, Found, WhatIf};
use crate::store::{Access, Claim, Commit, Committed, Creation, Origin, Prune};

#[derive(Default)]
pub(super) enum Operator {
    #[default]
    Away,
    Granted(u64),
    Decided(Box<Commit>),
}

impl Operator {
    pub(super) fn act(&mut self, stage: &mut Stage) {
        *self = match std::mem::take(self) {
            Self::Away if stage.shelf.head().is_none() => Self::Away,
            Self::Away if stage.bug == Some(Bug::CorrectionWithoutLease) => {
                let access = Access::Take(Claim::new(NAME, TERM));
                let decided = decide(stage, 0).map(|mut commit| {
                    commit.access = access;
                    Self::Decided(commit)
                });
                decided.unwrap_or_default()
            }
            Self::Away if stage.dice.one_in(6) => {
                branch_off(stage);
                Self::Away
            }
            Self::Away if stage.dice.one_in(4) => {
                stage.tally.pruned += stage.shelf.prune(&Prune::history());
                Self::Away
            }
            Self::Away => match stage.shelf.acquire(NAME) {
                Ok(lease) => Self::Granted(lease.epoch),
                Err(_) => Self::Away,
            },
            Self::Granted(epoch) => match decide(stage, epoch) {
                Some(commit) => Self::Decided(commit),
                None => {
                    let _ = stage.shelf.release(epoch);
                    Self::Away
                }
            },
            Self::Decided(commit) => {
                if let Ok(Committed::Now(_)) = stage.shelf.commit(*commit) {
                    stage.tally.corrections += 1;
                }
                Self::Away
            }
        };
    }
}

const NAME: &str = "operator";

/// The correction of the run as it stands, if it may be corrected.
fn decide(stage: &mut Stage, epoch: u64) -> Option<Box<Commit>> {
    let Stored {
        loaded,
        machine,
        tail,
        ..
    } = restore(stage)?;
    let update = correction(machine.step() + 1);
    let found: Found = readable(stage, Found::held(loaded, machine, tail))?;
    let step = found.correction(update, epoch, &rules(stage)).ok()?;
    Some(Box::new(step.commit))
}

/// From here on the run is a fork of what it was.
fn branch_off(stage: &mut Stage) {
    let Some(Stored {
        loaded,
        graphs,
        machine,
        ..
    }) = restore(stage)
    else {
        return;
    };
    let (head, Some(record)) = (&loaded.head, loaded.steps.last()) else {
        return;
    };
    if record.step != head.step || stage.forks == 0 {
        return;
    }
    let create = Creation {
        fingerprint: head.fingerprint,
        version: head.version,
        origin: Some(Origin {
            run: head.run.clone(),
            step: record.step,
        }),
        ..creation(stage)
    };
    let access = Access::Take(Claim::new(NAME, TERM));
    let otherwise = otherwise(&loaded, &machine, &mut stage.dice);
    let is_told = otherwise.is_some();
    let (what_if, stays) = match otherwise {
        Some(otherwise) => (otherwise.what_if, otherwise.stays),
        None => (WhatIf::default(), Vec::new()),
    };
    let branch = Branch {
        head,
        record,
        graphs: &graphs,
        turn: turn_of(head),
        what_if,
    };
    let state = match is_told {
        true => annotated(tale_of(&machine), record.step + 1),
        false => edited(tale_of(&machine), record.step + 1),
    };
    let fork = format!("fork {}", stage.forks);
    let blueprint = blueprint(stage);
    let commit = branch.commit(
        &blueprint,
        &fork,
        Arc::new(state),
        create,
        access,
        &rules(stage),
    );
    let Some(commit) = readable(stage, commit) else {
        return;
    };
    if stage.shelf.branch(&fork, commit, &stays) {
        stage.forks -= 1;
        stage.tally.forks += 1;
        stage.tally.otherwise += u64::from(is_told);
    }
}
