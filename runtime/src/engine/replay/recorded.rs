//! A run as it is on record, read as a whole and checked before anything runs.

use super::stretch::Stretch;
use crate::error::Error;
use crate::machine::first_chain;
use crate::session::load::{
    altered, check_head, check_journal, check_snapshot, check_step, corrupt, text_of,
};
use crate::store::{EffectRecord, Head, Snapshot, StepRecord, Store, StoreExt};

/// The record of a run.
pub(crate) struct Recorded {
    pub(crate) head: Head,
    /// The snapshot to begin from, if there is one.
    pub(super) base: Option<Snapshot>,
    /// At least one: the base's own, and all that follow.
    pub(super) steps: Vec<StepRecord>,
    pub(super) effects: Vec<EffectRecord>,
    /// The turn that the first of the steps belongs to.
    pub(super) turn: u64,
    /// Whose steps they are, and up to which: those of a fork were its origin's first.
    eras: Vec<(u64, String)>,
}

impl Recorded {
    /// A stretch of a run, with the step before it.
    ///
    /// # Errors
    /// [`Error::Pruned`], [`Error::Corrupt`].
    pub(super) async fn stretch(
        store: &dyn Store,
        head: &Head,
        stretch: &Stretch,
    ) -> Result<Self, Error> {
        let (from, turn) = stretch.base();
        // What an origin loses later does not concern the fork.
        if head.pruned > from {
            return Err(Error::Pruned {
                run: head.run.clone(),
                step: from + 1,
                first: head.pruned,
            });
        }
        Self::read(store, head.clone(), None, (from, stretch.end), turn).await
    }

    /// What is left of the run: from step 0 on, or else from the newest snapshot.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(crate) async fn what_is_left(store: &dyn Store, head: Head) -> Result<Self, Error> {
        let base = match head.pruned {
            0 => None,
            _ => snapshot(store, &head).await?,
        };
        let from = base.as_ref().map_or(0, |base| base.step);
        Self::from(store, head, base, from).await
    }

    /// From the newest whole state on: a snapshot, the beginning of a fork, or the input.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(crate) async fn newest(store: &dyn Store, head: Head) -> Result<Self, Error> {
        let own = head.first_own_step();
        let base = snapshot(store, &head).await?;
        let base = base.filter(|snapshot| snapshot.step >= own);
        let from = base.as_ref().map_or(own, |base| base.step);
        Self::from(store, head, base, from).await
    }

    async fn from(
        store: &dyn Store,
        head: Head,
        base: Option<Snapshot>,
        from: u64,
    ) -> Result<Self, Error> {
        let turns = store.all_turns(&head.run).await;
        let turns = turns.map_err(|error| Error::from_store(&head.run, error))?;
        let turns = turns.iter().take_while(|turn| turn.step <= from);
        let turn = turns.last().map_or(0, |turn| turn.turn);
        let to = head.step;
        Self::read(store, head, base, (from, to), turn).await
    }

    /// The turn that is open, with the step before it.
    ///
    /// # Errors
    /// [`Error::Corrupt`].
    pub(crate) async fn open_turn(store: &dyn Store, head: Head) -> Result<Self, Error> {
        let (from, turn) = match head.turn_step.checked_sub(1) {
            Some(before) => (before, head.turn.saturating_sub(1)),
            None => (0, 0),
        };
        let to = head.step;
        Self::read(store, head, None, (from, to), turn).await
    }

    async fn read(
        store: &dyn Store,
        head: Head,
        base: Option<Snapshot>,
        (from, to): (u64, u64),
        turn: u64,
    ) -> Result<Self, Error> {
        let said = |error| Error::from_store(&head.run, error);
        let recorded = Self {
            steps: store.all_steps(&head.run, from, to).await.map_err(said)?,
            effects: store.all_effects(&head.run, from, to).await.map_err(said)?,
            eras: eras(store, &head).await?,
            turn,
            base,
            head,
        };
        recorded.check(from, to)?;
        Ok(recorded)
    }

    /// Every row is there and is what was written.
    fn check(&self, from: u64, to: u64) -> Result<(), Error> {
        let head = &self.head;
        if let Some(base) = &self.base {
            check_snapshot(head, base)?;
        }
        let mut effects = self.effects.as_slice();
        let mut chain = None;
        let mut steps = self.steps.iter();
        for step in from..=to {
            let Some(record) = steps.next().filter(|record| record.step == step) else {
                return Err(corrupt(
                    head,
                    format!("step {step}"),
                    "it is missing".into(),
                ));
            };
            let expected = match chain {
                Some(previous) => text_of(record).chain(previous),
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
        if to == head.step && chain != Some(head.chain) {
            let reason = "its chain value is not that of its last step";
            return Err(corrupt(head, "the head".into(), reason.into()));
        }
        Ok(())
    }

    pub(crate) fn first_step(&self) -> u64 {
        self.steps[0].step
    }

    /// The run that `step` belonged to when it was made.
    pub(super) fn run_at(&self, step: u64) -> &str {
        let era = self.eras.iter().find(|(last, _)| step <= *last);
        era.map_or(&self.head.run, |(_, run)| run)
    }
}

/// The newest snapshot of a run.
async fn snapshot(store: &dyn Store, head: &Head) -> Result<Option<Snapshot>, Error> {
    let snapshot = store.snapshot(&head.run, head.step).await;
    snapshot.map_err(|error| Error::from_store(&head.run, error))
}

/// The origins of a run with the last steps that the run shares, the oldest first.
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
        check_head(&found)?;
        heads.push(found);
    }
    Ok(heads)
}
