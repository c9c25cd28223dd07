//! The end of a step as what is written: a commit, or what is kept of a step that
//! stays open.

use std::collections::HashMap;
use std::time::SystemTime;

use super::effects::OpenEffects;
use super::snapshots::SnapshotRule;
use crate::encode::{self, EncodeError};
use crate::error::Error;
use crate::hash::Digest;
use crate::machine::{DoneTask, Finished, Machine, Sealed, StepError, TaskNote, task_note};
use crate::run::RunError;
use crate::state::FieldSet;
use crate::store::{Access, Commit, Committed, Park, PendingResult, Status, StepKind, StepRecord};

/// What the tasks of a step did, noted while it can be read: before it is merged.
#[derive(Debug, Default)]
pub(super) struct Noted {
    keys: Vec<Digest>,
    updates: String,
    notes: Option<String>,
    /// The fields that the updates set; used by the round-trip check.
    said: FieldSet,
}

impl Noted {
    /// Notes what the tasks of the open step of `machine` did; with `check` also
    /// whether that survives its encoding.
    pub(super) fn of(
        machine: &Machine,
        done: &[DoneTask<'_>],
        check: bool,
    ) -> Result<Self, EncodeError> {
        let updates = done.iter().filter_map(|(update, _)| *update);
        let said = updates.fold(FieldSet::EMPTY, |said, update| said | update.fields());
        let last = machine.step();
        let unusual = (0..).zip(done);
        let notes: Vec<TaskNote> = unusual
            .filter_map(|(task, (_, done))| task_note(task, last, done))
            .collect();
        let notes = (!notes.is_empty()).then(|| encode::to_string(&notes));
        Ok(Self {
            keys: machine.frontier_keys(),
            updates: machine.updates_text(done, check)?,
            notes: notes.transpose()?,
            said,
        })
    }

    /// The commit of the step, which `machine` has merged, under the lease with `epoch`.
    pub(super) fn commit(
        self,
        machine: &mut Machine,
        effects: &OpenEffects,
        snapshots: &mut SnapshotRule,
        status: Status,
        epoch: u64,
    ) -> Result<Commit, StepError> {
        if snapshots.checks() {
            machine.check_merged(self.said)?;
        }
        let notes = self.notes.filter(|_| !mistake!(NotesForgotten));
        let sealed = machine.seal(&self.keys, self.updates)?;
        let snapshot = snapshots.after(machine, &sealed.updates)?;
        let unheard = effects.unheard();
        let (effects, journal) = effects.seal(notes.as_deref());
        let access = Access::Held { epoch };
        let mut commit = Commit {
            snapshot,
            effects,
            unheard,
            ..step_commit(machine, sealed, StepKind::Step, status, access)
        };
        (commit.record.notes, commit.record.journal) = (notes, journal);
        Ok(commit)
    }
}

/// The commit of the step that `machine` has just sealed.
pub(super) fn step_commit(
    machine: &Machine,
    sealed: Sealed,
    kind: StepKind,
    status: Status,
    access: Access,
) -> Commit {
    Commit {
        run: machine.run().to_owned(),
        create: None,
        access,
        release: gives_back(status),
        previous: sealed.previous,
        description: sealed.graph.map(|_| machine.info().canonical()),
        record: StepRecord {
            step: machine.step(),
            kind,
            version: match mistake!(VersionStays) {
                true => 1,
                false => machine.info().version,
            },
            graph: sealed.graph,
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
        counted_from: match mistake!(CountNotCommitted) {
            true => machine.turn().step,
            false => machine.turn().counted_from,
        },
        token: None,
        effects: Vec::new(),
        unheard: Vec::new(),
        events: Vec::new(),
    }
}

/// Whether a commit that leaves the run with that status gives the lease back: nobody goes on
/// from there.
fn gives_back(status: Status) -> bool {
    match status {
        Status::Paused => !mistake!(PauseKeepsLease),
        status => status.is_final() && !mistake!(FinalStepKeepsLease),
    }
}

/// Whether the run is still the driver's after the commit of a step that did not give
/// the lease back. A step that is there already may be the work of whoever has the run
/// now: continuing would call what that owner calls.
pub(super) fn is_held_after(committed: &Committed) -> bool {
    !matches!(committed, Committed::Already(None)) || mistake!(LoserGoesOn)
}

/// The results of tasks of the open step that need not run again, by order key.
pub(crate) type Pending = HashMap<Digest, Finished>;

/// The result of one task as text, to be kept while its step is open.
#[derive(Debug)]
pub(super) struct PendingText {
    /// Its order key.
    pub(crate) task: Digest,
    pub(crate) node: &'static str,
    pub(crate) result: String,
}

/// Why an open step is left.
#[derive(Debug)]
pub(super) enum Left {
    /// It failed.
    Failed(Error),
    /// Nothing of it can go on before something comes from outside.
    Waiting,
    /// Its engine drains.
    Drained,
    /// The same, and tasks of it were dropped.
    Dropped(Error),
    /// It was stopped before it began.
    Paused,
    /// Admission to its queue was blocked for too long, and tasks of it were dropped.
    Blocked(Error),
    /// The store said this, which is not the run's fault: it stays as it was.
    Away(Error),
}

/// What is kept of the open step of `run`, whose tasks saw the state of step
/// `saw`, and of which `results` are new.
pub(super) fn park(
    (run, epoch): (&str, u64),
    saw: u64,
    results: Vec<PendingText>,
    why: &Left,
    effects: &OpenEffects,
) -> Park {
    let kept = |PendingText { task, node, result }| PendingResult {
        task,
        node: node.to_owned(),
        saw,
        result,
    };
    let (status, error) = match why {
        Left::Failed(error) => (Status::Failed, Some(failure_text(error))),
        Left::Waiting => (effects.waits_as(), None),
        Left::Blocked(_) if mistake!(BackpressureIsFailure) => (Status::Failed, None),
        Left::Paused | Left::Blocked(_) => (Status::Paused, None),
        Left::Drained if mistake!(DrainIsFailure) => (Status::Failed, None),
        Left::Away(_) | Left::Drained | Left::Dropped(_) => (Status::Running, None),
    };
    let asked = effects.asked_before();
    let (waits, known) = (effects.all_waits(), effects.waits.known());
    let withdrawn = effects.waits.withdrawn();
    let (effects, questions) = effects.leave();
    Park {
        error,
        results: results.into_iter().map(kept).collect(),
        effects,
        questions,
        withdrawn,
        asked,
        waits,
        known,
        ..Park::new(run, epoch, status)
    }
}

/// How a failed run keeps its error.
fn failure_text(error: &Error) -> String {
    // Texts and a number always have an encoding.
    encode::to_string(&RunError::of(error)).unwrap_or_default()
}
