//! When the whole state is written along with a step.

use crate::encode::EncodeError;
use crate::machine::{Machine, snapshot_digest};
use crate::store::Snapshot;

/// Below this many bytes of steps a snapshot is not worth writing.
const SMALLEST_TAIL: u64 = 16 * 1024;

/// What loading a step costs in addition to its updates, in bytes of updates.
const STEP_COST: u64 = 512;

/// How much has come since the last snapshot.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Tail {
    /// The snapshot's step.
    pub(crate) step: u64,
    /// Its size in bytes.
    pub(crate) snapshot: u64,
    /// What the steps since cost a loader, in bytes.
    pub(crate) steps: u64,
    /// A loader has to bring them up to date, which costs more than any snapshot.
    is_outgrown: bool,
}

impl Tail {
    /// Nothing but a snapshot of that many bytes.
    pub(crate) const fn behind(step: u64, snapshot: usize) -> Self {
        Self {
            step,
            snapshot: snapshot as u64,
            steps: 0,
            is_outgrown: false,
        }
    }

    /// Snapshot and steps: about what the state takes.
    pub(crate) const fn bytes(&self) -> u64 {
        self.snapshot.saturating_add(self.steps)
    }

    /// Counts one more step.
    pub(crate) const fn add(&mut self, updates: usize) {
        self.steps = self.steps.saturating_add(updates as u64 + STEP_COST);
    }

    /// An older version of the graph wrote some of it.
    pub(crate) const fn be_outgrown(&mut self) {
        self.is_outgrown = true;
    }
}

/// When the state is written out as a whole: when the steps since the last
/// time have outgrown it, so that loading costs at most about twice what the
/// state itself costs, and all snapshots together at most as much as the steps.
#[derive(Debug)]
pub(crate) struct SnapshotRule {
    tail: Tail,
    every: Option<u64>,
    check: bool,
}

impl SnapshotRule {
    /// After `every` steps at the latest, if that is given; `check` is whether new
    /// values are checked for the round trip.
    pub(crate) const fn new(every: Option<u64>, check: bool, tail: Tail) -> Self {
        Self { tail, every, check }
    }

    /// The snapshot to commit with the machine's step, whose text is `updates`,
    /// if it is time for one.
    pub(crate) fn after(
        &mut self,
        machine: &Machine,
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
            step: step - u64::from(mistake!(SnapshotTooEarly)),
            digest: snapshot_digest(&state),
            state,
        }))
    }

    /// Whether new values are checked for the round trip.
    pub(crate) const fn checks(&self) -> bool {
        self.check
    }

    pub(crate) const fn tail(&self) -> Tail {
        self.tail
    }
}
