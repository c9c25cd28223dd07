//! The ledger of a run that lives in a store.

use std::sync::Arc;
use std::time::SystemTime;

use super::core::Core;
use super::journal::LiveJournal;
use super::lease::HeldLease;
use super::ledger::{Kept, KeptText, Ledger, Why};
use crate::encode::{self, EncodeError};
use crate::error::Error;
use crate::graph::Graph;
use crate::hash::Digest;
use crate::machine::{
    DoneTask, Finished, Machine, Sealed, TaskNote, quoted, result_text, snapshot_digest, task_note,
};
use crate::state::{FieldSet, Update};
use crate::store::{
    Access, Commit, EffectRecord, Park, PendingResult, Question, Snapshot, Status, StepKind,
    StepRecord, Store,
};

/// Below this many bytes of steps a snapshot is not worth its write.
const SMALLEST_TAIL: u64 = 16 * 1024;

/// What loading a step costs beside its updates, as if they were so many bytes more.
const STEP_COST: u64 = 512;

/// Writes a run's steps into its store, under its lease.
pub(super) struct Durable<G: Graph> {
    store: Arc<dyn Store>,
    run: String,
    lease: HeldLease,
    snapshots: SnapshotRule,
    journal: Arc<LiveJournal>,
    check: bool,
    kept: Kept<G>,
    noted: Noted,
}

/// What the open step's tasks did, noted before it is merged.
#[derive(Default)]
struct Noted {
    keys: Vec<Digest>,
    updates: String,
    notes: Option<String>,
    /// The fields that the updates say something of.
    said: FieldSet,
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
        let journal = LiveJournal::new(store, &run, lease.epoch(), check, effects, questions);
        machine.keys().run().record_in(journal.clone());
        Self {
            store: Arc::clone(store),
            run,
            lease,
            snapshots: SnapshotRule::new(core, tail),
            journal,
            check,
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
        let said = done.iter().filter(|_| self.check);
        let said = said
            .filter_map(|(update, _)| *update)
            .fold(FieldSet::EMPTY, |said, update| said | update.fields());
        let last = machine.step();
        let unusual = (0..).zip(&done);
        let notes: Vec<TaskNote> = unusual
            .filter_map(|(task, (_, done))| task_note(task, last, done))
            .collect();
        let notes = (!notes.is_empty()).then(|| encode::to_string(&notes));
        self.noted = Noted {
            keys: machine.frontier_keys(),
            updates: machine.updates_text(&done, self.check)?,
            notes: notes.transpose()?,
            said,
        };
        Ok(())
    }

    async fn commit(&mut self, machine: &mut Machine<G>, status: Status) -> Result<(), Error> {
        let step = machine.step();
        let Noted {
            keys,
            updates,
            notes,
            said,
        } = std::mem::take(&mut self.noted);
        if self.check {
            (machine.check_merged(said)).map_err(Error::not_round_trip(&self.run, step))?;
        }
        let sealed = machine
            .seal(&keys, updates)
            .map_err(Error::not_round_trip(&self.run, step))?;
        let snapshot = self
            .snapshots
            .after(machine, &sealed.updates)
            .map_err(Error::not_round_trip(&self.run, step))?;
        let access = Access::Held {
            epoch: self.lease.epoch(),
        };
        let (effects, journal) = self.journal.seal(notes.as_deref());
        let mut commit = Commit {
            snapshot,
            effects,
            ..step_commit(machine, sealed, StepKind::Step, status, access)
        };
        (commit.record.notes, commit.record.journal) = (notes, journal);
        self.store
            .commit(commit)
            .await
            .map_err(|error| self.error(error))?;
        self.journal.begin_step();
        Ok(())
    }

    async fn park(&mut self, saw: u64, results: Vec<KeptText>, why: Why<'_>) -> Result<(), Error> {
        let results = results
            .into_iter()
            .map(|KeptText { task, node, result }| PendingResult {
                task,
                node: node.to_owned(),
                saw,
                result,
            })
            .collect();
        let (status, error) = match why {
            Why::Failed(error) => (Status::Failed, Some(failure_text(error))),
            Why::Interrupted => (Status::Interrupted, None),
        };
        let (effects, questions) = self.journal.leave();
        let park = Park {
            run: self.run.clone(),
            epoch: self.lease.epoch(),
            status,
            error,
            results,
            effects,
            questions,
        };
        self.store
            .park(park)
            .await
            .map_err(|error| self.error(error))?;
        // Not before: of a park that failed, or was dropped, the lease stays.
        self.lease.ended();
        Ok(())
    }

    fn result_text(&self, finished: &Finished<G>) -> Option<String> {
        result_text(finished, self.check).ok()
    }
}

/// How a failed run keeps its error: its word and its message.
fn failure_text(error: &Error) -> String {
    format!(
        "{{\"code\":{},\"message\":{}}}",
        quoted(error.code()),
        quoted(&error.to_string())
    )
}

/// The commit of the step that `machine` has just sealed.
pub(crate) fn step_commit<G: Graph>(
    machine: &Machine<G>,
    sealed: Sealed,
    kind: StepKind,
    status: Status,
    access: Access,
) -> Commit {
    Commit {
        run: machine.run().to_owned(),
        create: None,
        access,
        release: status.is_final(),
        previous: sealed.previous,
        record: StepRecord {
            step: machine.step(),
            kind,
            version: G::INFO.version,
            updates: sealed.updates,
            frontier: sealed.frontier,
            chain: sealed.chain,
            digest: sealed.digest,
            key: sealed.key,
            notes: None,
            journal: None,
            committed: SystemTime::UNIX_EPOCH,
        },
        snapshot: None,
        status,
        turn: machine.turn().number,
        turn_step: machine.turn().step,
        counted_from: machine.turn().counted_from,
        token: None,
        effects: Vec::new(),
        events: Vec::new(),
    }
}

/// How much stands behind the last snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Tail {
    /// The snapshot's step.
    pub(super) step: u64,
    /// Its size in bytes.
    pub(super) snapshot: u64,
    /// What the steps since cost a loader, in bytes.
    pub(super) steps: u64,
    /// A loader has to bring them up to date, which costs more than any snapshot.
    is_outgrown: bool,
}

impl Tail {
    /// Nothing but a snapshot of so many bytes.
    pub(super) const fn behind(step: u64, snapshot: usize) -> Self {
        Self {
            step,
            snapshot: snapshot as u64,
            steps: 0,
            is_outgrown: false,
        }
    }

    /// Snapshot and steps: about what the state takes.
    pub(super) const fn bytes(&self) -> u64 {
        self.snapshot.saturating_add(self.steps)
    }

    /// Counts one more step.
    pub(super) const fn add(&mut self, updates: usize) {
        self.steps = self.steps.saturating_add(updates as u64 + STEP_COST);
    }

    /// An older version of the graph wrote some of it.
    pub(super) const fn be_outgrown(&mut self) {
        self.is_outgrown = true;
    }
}

/// When the state is written out as a whole: when the steps since the last
/// time have outgrown it, so that loading costs at most about twice what the
/// state itself costs, and all snapshots together at most as much as the steps.
#[derive(Debug)]
pub(super) struct SnapshotRule {
    tail: Tail,
    every: Option<u64>,
    check: bool,
}

impl SnapshotRule {
    pub(super) fn new<G: Graph>(core: &Core<G>, tail: Tail) -> Self {
        Self {
            tail,
            every: core.settings.snapshot_every,
            check: core.settings.check_round_trip,
        }
    }

    /// The snapshot to commit with the machine's step, whose text is `updates`,
    /// if it is time for one.
    pub(super) fn after<G: Graph>(
        &mut self,
        machine: &Machine<G>,
        updates: &str,
    ) -> Result<Option<Snapshot>, EncodeError> {
        let step = machine.step();
        self.tail.add(updates.len());
        let outgrown =
            self.tail.is_outgrown || self.tail.steps > self.tail.snapshot.max(SMALLEST_TAIL);
        let due = self
            .every
            .is_some_and(|every| step - self.tail.step >= every);
        if !(outgrown || due) {
            return Ok(None);
        }
        let state = machine.snapshot_text(updates, self.check)?;
        self.tail = Tail::behind(step, state.len());
        Ok(Some(Snapshot {
            step,
            digest: snapshot_digest(&state),
            state,
        }))
    }

    pub(super) const fn tail(&self) -> Tail {
        self.tail
    }
}
