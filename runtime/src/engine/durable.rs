//! The ledger of a run that lives in a store.

use std::sync::Arc;

use super::core::Core;
use super::journal::LiveJournal;
use super::lease::HeldLease;
use super::ledger::Ledger;
use crate::encode::EncodeError;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::{DoneTask, Finished, Machine, result_text};
use crate::session::{self, Kept, KeptText, Noted, OpenEffects, SnapshotRule, Tail, Why};
use crate::store::{EffectRecord, Question, Status, Store};

/// Writes a run's steps into its store, under its lease.
pub(super) struct Durable<G: Graph> {
    store: Arc<dyn Store>,
    run: String,
    lease: HeldLease,
    snapshots: SnapshotRule,
    journal: Arc<LiveJournal>,
    kept: Kept<G>,
    noted: Noted,
}

/// What an earlier attempt at the open step left behind.
pub(super) struct LeftOpen<G: Graph> {
    pub(super) kept: Kept<G>,
    pub(super) effects: Vec<EffectRecord>,
    pub(super) questions: Vec<Question>,
}

impl<G: Graph> Default for LeftOpen<G> {
    fn default() -> Self {
        Self {
            kept: Kept::new(),
            effects: Vec::new(),
            questions: Vec::new(),
        }
    }
}

impl<G: Graph> Durable<G> {
    pub(super) fn new(
        core: &Core<G>,
        store: &Arc<dyn Store>,
        lease: HeldLease,
        machine: &Machine<G>,
        tail: Tail,
        left: LeftOpen<G>,
    ) -> Self {
        let run = machine.run().to_owned();
        let check = core.settings.check_round_trip;
        let LeftOpen {
            kept,
            effects,
            questions,
        } = left;
        let journal = LiveJournal::new(
            store,
            &run,
            lease.epoch(),
            check,
            OpenEffects::new(effects, questions),
        );
        machine.keys().run().record_in(journal.clone());
        Self {
            store: Arc::clone(store),
            run,
            lease,
            snapshots: core.settings.snapshots(tail),
            journal,
            kept,
            noted: Noted::default(),
        }
    }

    /// What the run waits for.
    pub(super) fn questions(&self) -> Vec<Question> {
        self.journal.questions()
    }

    /// The run is done, and its last commit has given the lease back.
    pub(super) fn finish(&mut self) {
        self.lease.ended();
    }

    /// The driving ended with an error that left the lease behind.
    pub(super) async fn give_back(&mut self) {
        self.lease.give_back().await;
    }

    pub(super) const fn tail(&self) -> Tail {
        self.snapshots.tail()
    }

    fn error(&self, error: crate::store::StoreError) -> Error {
        Error::from_store(&self.run, error)
    }
}

impl<G: Graph> Ledger<G> for Durable<G> {
    fn kept(&mut self) -> Kept<G> {
        std::mem::take(&mut self.kept)
    }

    fn note<'a>(
        &mut self,
        machine: &Machine<G>,
        done: impl Iterator<Item = DoneTask<'a, G>>,
    ) -> Result<(), EncodeError> {
        let done: Vec<DoneTask<'a, G>> = done.collect();
        self.noted = Noted::of(machine, &done, self.snapshots.checks())?;
        Ok(())
    }

    async fn commit(&mut self, machine: &mut Machine<G>, status: Status) -> Result<(), Error> {
        let noted = std::mem::take(&mut self.noted);
        let epoch = self.lease.epoch();
        let commit = noted.commit(
            machine,
            &self.journal.open(),
            &mut self.snapshots,
            status,
            epoch,
        );
        let commit = commit.map_err(Error::not_round_trip(&self.run, machine.step()))?;
        let released = commit.release;
        let committed = self.store.commit(commit).await;
        let committed = committed.map_err(|error| self.error(error))?;
        if !released && !session::is_held_after(&committed, released) {
            let (run, epoch) = (self.run.clone(), epoch);
            return Err(Error::LeaseLost { run, epoch });
        }
        self.journal.begin_step();
        Ok(())
    }

    async fn park(&mut self, saw: u64, results: Vec<KeptText>, why: Why<'_>) -> Result<(), Error> {
        let run = (self.run.as_str(), self.lease.epoch());
        let park = session::park(run, saw, results, why, &self.journal.open());
        self.store
            .park(park)
            .await
            .map_err(|error| self.error(error))?;
        // Not before: of a park that failed, or was dropped, the lease stays.
        self.lease.ended();
        Ok(())
    }

    fn result_text(&self, finished: &Finished<G>) -> Option<String> {
        result_text(finished, self.snapshots.checks()).ok()
    }
}
