//! A run as it is on record, read as a whole and checked before anything runs.

use crate::error::Error;
use crate::machine::{first_chain, next_chain};
use crate::session::load::{altered, check_journal, check_snapshot, check_step, corrupt};
use crate::store::{EffectRecord, Head, Snapshot, StepKind, StepRecord, Store, StoreExt};

/// The record of a run.
pub(crate) struct Recorded {
    pub(crate) head: Head,
    /// The snapshot to begin from, if not step 0.
    pub(super) base: Option<Snapshot>,
    /// At least one: the base's own, and all that follow.
    pub(super) steps: Vec<StepRecord>,
    pub(super) effects: Vec<EffectRecord>,
    /// Whose steps they are, up to which: those of a fork were its origin's first.
    eras: Vec<(u64, String)>,
}

impl Recorded {
    /// Everything from step 0 on.
    ///
    /// # Errors
    /// [`Error::Pruned`], [`Error::Corrupt`].
    pub(crate) async fn from_input(store: &dyn Store, head: Head) -> Result<Self, Error> {
        Self::read(store, head, None).await
    }

    /// What is left of the run: from step 0 on, or else from the newest snapshot.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(crate) async fn what_is_left(store: &dyn Store, head: Head) -> Result<Self, Error> {
        let base = match head.pruned {
            0 => None,
            _ => store
                .snapshot(&head.run, head.step)
                .await
                .map_err(|error| Error::from_store(&head.run, error))?,
        };
        Self::read(store, head, base).await
    }

    async fn read(store: &dyn Store, head: Head, base: Option<Snapshot>) -> Result<Self, Error> {
        let said = |error| Error::from_store(&head.run, error);
        // What an origin loses later is not the fork's.
        if base.is_none() && head.pruned > 0 {
            return Err(Error::Pruned {
                run: head.run,
                step: 1,
                first: head.pruned,
            });
        }
        let from = base.as_ref().map_or(0, |base| base.step);
        let recorded = Self {
            steps: store
                .all_steps(&head.run, from, head.step)
                .await
                .map_err(said)?,
            effects: store
                .all_effects(&head.run, from, head.step)
                .await
                .map_err(said)?,
            eras: eras(store, &head).await?,
            base,
            head,
        };
        recorded.check(from)?;
        Ok(recorded)
    }

    /// Every row is there and is what was written.
    fn check(&self, from: u64) -> Result<(), Error> {
        let head = &self.head;
        if let Some(base) = &self.base {
            check_snapshot(head, base)?;
        }
        let mut effects = self.effects.as_slice();
        let mut chain = None;
        let mut steps = self.steps.iter();
        for step in from..=head.step {
            let Some(record) = steps.next().filter(|record| record.step == step) else {
                return Err(corrupt(
                    head,
                    format!("step {step}"),
                    "it is missing".into(),
                ));
            };
            let expected = match chain {
                Some(previous) => next_chain(previous, &record.updates, &record.frontier),
                None if step == 0 => first_chain(head.fingerprint, head.seed, &record.updates),
                None => record.chain,
            };
            check_step(head, record)?;
            if expected != record.chain {
                return Err(altered(head, step));
            }
            let of_step = effects.partition_point(|effect| effect.step <= step);
            let (own, later) = effects.split_at(of_step);
            check_journal(head, record, own)?;
            effects = later;
            chain = Some(record.chain);
        }
        if chain != Some(head.chain) {
            let reason = "its chain value is not that of its last step";
            return Err(corrupt(head, "the head".into(), reason.into()));
        }
        Ok(())
    }

    /// The run whose step `step` was when it was made.
    pub(super) fn run_at(&self, step: u64) -> &str {
        let era = self.eras.iter().find(|(last, _)| step <= *last);
        era.map_or(&self.head.run, |(_, run)| run)
    }

    /// The turn at `step`.
    pub(super) fn turn_at(&self, step: u64) -> u64 {
        let later = self.steps.iter().filter(|record| record.step > step);
        let turns = later.filter(|record| record.kind == StepKind::Turn).count();
        self.head.turn.saturating_sub(turns as u64)
    }
}

/// The origins of a run with their last steps that are the run's too, the oldest first.
async fn eras(store: &dyn Store, head: &Head) -> Result<Vec<(u64, String)>, Error> {
    let heads = origins(store, head).await?;
    let branches = std::iter::once(head).chain(&heads);
    let mut eras: Vec<(u64, String)> = Vec::new();
    for of in branches.filter_map(|head| head.origin.clone()) {
        // A fork of a fork may begin before the first one did.
        let last = eras.last().map_or(of.step, |(last, _)| of.step.min(*last));
        eras.push((last, of.run));
    }
    eras.reverse();
    Ok(eras)
}

/// The heads of the runs that a run branched off from, the nearest first.
async fn origins(store: &dyn Store, head: &Head) -> Result<Vec<Head>, Error> {
    let mut heads: Vec<Head> = Vec::new();
    while let Some(of) = &heads.last().unwrap_or(head).origin {
        // Rows that were altered may form a circle.
        if heads.iter().chain([head]).any(|known| known.run == of.run) {
            return Err(Error::Corrupt {
                run: head.run.clone(),
                place: "where it branches off".into(),
                reason: "it has branched off from itself".into(),
            });
        }
        let found = store.head(&of.run).await;
        let found = found.map_err(|error| Error::from_store(&head.run, error))?;
        let Some(found) = found else { break };
        heads.push(found);
    }
    Ok(heads)
}
