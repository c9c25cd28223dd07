//! Somebody who corrects the run from outside.
//!
//! An operator takes the lease before the look on which the correction stands:
//! else an owner whose lease has lapsed could journal an effect in between.

use super::bugs::Bug;
use super::load::{Stored, restore};
use super::tale::correction;
use super::world::Stage;
use crate::machine::outside_text;
use crate::session::step_commit;
use crate::store::{Access, Claim, Commit, Committed, Loaded, StepKind};

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
            Self::Away if stage.bug == Some(Bug::CorrectionWithoutLease) => {
                let access = Access::Take(Claim::new(NAME, super::shelf::TERM));
                decide(stage, access).unwrap_or_default()
            }
            Self::Away if stage.shelf.head().is_some() => match stage.shelf.acquire(NAME) {
                Ok(lease) => Self::Granted(lease.epoch),
                Err(_) => Self::Away,
            },
            Self::Away => Self::Away,
            Self::Granted(epoch) => decide(stage, Access::Held { epoch }).unwrap_or_else(|| {
                let _ = stage.shelf.release(epoch);
                Self::Away
            }),
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

/// The correction of the run as it stands, unless an unfinished task has
/// effects: they are answers to what it saw.
fn decide(stage: &mut Stage, access: Access) -> Option<Operator> {
    let Stored {
        loaded,
        mut machine,
        ..
    } = restore(stage)?;
    if has_open_effects(&loaded) {
        return None;
    }
    let update = correction(machine.step() + 1);
    let updates = outside_text(&update, false).expect("a tale has an encoding");
    machine.correct(update).expect("nothing overflows");
    let sealed = machine.seal(&[], updates).expect("a tale has an encoding");
    let status = loaded.head.status;
    Some(Operator::Decided(Box::new(Commit {
        release: true,
        ..step_commit(&machine, sealed, StepKind::Update, status, access)
    })))
}

fn has_open_effects(loaded: &Loaded) -> bool {
    let finished = |task| loaded.pending.iter().any(|kept| kept.task == task);
    loaded.effects.iter().any(|effect| !finished(effect.task))
}
