use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::hash::Digest;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Some process is driving it, or was killed while it did.
    Running,
    /// It reached `end` on every branch. Final.
    Completed,
    /// It waits for answers.
    Interrupted,
    /// It waits for a timer.
    Sleeping,
    /// It was stopped for a look, or because its queue did not move.
    Paused,
    /// Somebody cancelled it. Final.
    Cancelled,
    /// A step failed; the error is kept and `resume` tries again.
    Failed,
}

impl Status {
    /// Whether nothing but a further turn moves the run again.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Cancelled)
    }

    /// The word in which it is stored, e.g. `completed`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Interrupted => "interrupted",
            Self::Sleeping => "sleeping",
            Self::Paused => "paused",
            Self::Cancelled => "cancelled",
            Self::Failed => "failed",
        }
    }

    /// Reads what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        use Status::{Cancelled, Completed, Failed, Interrupted, Paused, Running, Sleeping};
        [
            Running,
            Completed,
            Interrupted,
            Sleeping,
            Paused,
            Cancelled,
            Failed,
        ]
        .into_iter()
        .find(|status| status.as_str() == word)
    }
}

/// What a store knows of a run at a glance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The run's id.
    pub run: String,
    /// The name of its graph.
    pub graph: String,
    /// The fingerprint of the graph that the run was created with.
    pub fingerprint: Digest,
    /// The version of that graph.
    pub version: u32,
    /// The run's seed.
    pub seed: u64,
    /// Where it stands.
    pub status: Status,
    /// The error that a failed run ended with, as the engine encodes it:
    /// `{"code":…,"message":…}`.
    pub error: Option<String>,
    /// The last committed step.
    pub step: u64,
    /// The chain value of that step: the run's fingerprint.
    pub chain: Digest,
    /// The current turn, from 0.
    pub turn: u64,
    /// The step that began the current turn.
    pub turn_step: u64,
    /// The token of the last turn that carried one.
    pub token: Option<String>,
    /// The live or lapsed lease, if it was not given back.
    pub lease: Option<Lease>,
    /// When the run was created, by the store's clock.
    pub created: SystemTime,
    /// When its head last moved or its status last changed.
    pub updated: SystemTime,
}

/// The right to advance a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lease {
    /// Who holds it.
    pub owner: String,
    /// Grows with every owner; a commit with an older one is refused.
    pub epoch: u64,
    /// When it lapses, by the store's clock.
    pub expires: SystemTime,
}

/// What kind of step a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StepKind {
    /// Step 0: the input.
    Input,
    /// Tasks ran.
    Step,
    /// A further turn began.
    Turn,
    /// An operator's correction.
    Update,
    /// The edit with which a fork began.
    Fork,
}

impl StepKind {
    /// The word in which it is stored, e.g. `turn`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Step => "step",
            Self::Turn => "turn",
            Self::Update => "update",
            Self::Fork => "fork",
        }
    }

    /// Reads what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Input,
            Self::Step,
            Self::Turn,
            Self::Update,
            Self::Fork,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
    }
}

/// One committed step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepRecord {
    /// Its number.
    pub step: u64,
    /// What kind of step.
    pub kind: StepKind,
    /// What it did, as canonical JSON: the input of step 0, else the tasks'
    /// updates and routes in merge order.
    pub updates: String,
    /// What comes next, as canonical JSON: frontier, joins, deferred tasks.
    pub frontier: String,
    /// `chain(n)`.
    pub chain: Digest,
    /// `digest(n)`.
    pub digest: Digest,
    /// The idempotency key.
    pub key: Digest,
    /// When it was committed, by the store's clock; what the caller sets is ignored.
    pub committed: SystemTime,
}

/// The whole state after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The step after which the state is this.
    pub step: u64,
    /// The state as canonical JSON.
    pub state: String,
    /// SHA-256 over the state's text, length-prefixed.
    pub digest: Digest,
}

/// The kept result of a finished task of a step that is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PendingResult {
    /// The task's order key.
    pub task: Digest,
    /// The node's name.
    pub node: String,
    /// The step whose state the task saw.
    pub saw: u64,
    /// The outcome as canonical JSON.
    pub result: String,
}

/// An event that commits with its step and is delivered afterwards.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its stable id, given by the store; what the caller sets is ignored.
    pub id: u64,
    /// The run.
    pub run: String,
    /// The step it committed with.
    pub step: u64,
    /// Its name.
    pub name: String,
    /// Its content as canonical JSON.
    pub payload: String,
}

/// What [`Store::load`](super::Store::load) reads.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The head.
    pub head: Head,
    /// The newest snapshot, if there is one.
    pub snapshot: Option<Snapshot>,
    /// The records from the snapshot's step on, else from step 0, to the head.
    pub steps: Vec<StepRecord>,
    /// The pending results of the open step.
    pub pending: Vec<PendingResult>,
}

/// What a run is created with, beside its step 0.
#[derive(Clone, Debug)]
pub struct Creation {
    /// The graph's name.
    pub graph: String,
    /// The graph's fingerprint.
    pub fingerprint: Digest,
    /// The graph's version.
    pub version: u32,
    /// The graph's canonical text, kept once per fingerprint.
    pub description: String,
    /// The run's seed.
    pub seed: u64,
}

/// How a commit proves its right to move the run.
#[derive(Clone, Debug)]
pub enum Access {
    /// It takes the lease, as [`Store::acquire`](super::Store::acquire) would.
    Take {
        /// For whom.
        owner: String,
        /// For how long.
        term: Duration,
    },
    /// It holds the lease with this epoch.
    Held {
        /// The epoch.
        epoch: u64,
    },
}

/// One step, ready to be committed.
#[derive(Clone, Debug)]
pub struct Commit {
    /// The run's id.
    pub run: String,
    /// Given with step 0 and only then.
    pub create: Option<Creation>,
    /// The right to do this.
    pub access: Access,
    /// Whether the lease is given back with this commit.
    pub release: bool,
    /// The chain value of the step before; ignored with `create`.
    pub previous: Digest,
    /// The step.
    pub record: StepRecord,
    /// The state after the step, if it is time for a snapshot. It takes the
    /// place of older snapshots of this run that nothing else stands on.
    pub snapshot: Option<Snapshot>,
    /// The run's status from now on.
    pub status: Status,
    /// The turn that the step belongs to.
    pub turn: u64,
    /// The step that began that turn.
    pub turn_step: u64,
    /// The turn's token, with the step that begins a turn: no other turn of
    /// the run begins with it. `None` leaves the last one.
    pub token: Option<String>,
    /// Events for the outbox.
    pub events: Vec<Event>,
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The step is committed; this is the lease it was committed under.
    Now(Lease),
    /// The step was committed before, with the same key.
    Already,
    /// The commit's token began an earlier turn of the run; nothing changed.
    TokenSpent,
}

/// What is kept when a step stays open.
#[derive(Clone, Debug)]
pub struct Park {
    /// The run's id.
    pub run: String,
    /// The epoch of the lease that is held, and given back.
    pub epoch: u64,
    /// The run's status from now on.
    pub status: Status,
    /// The error of a failed run, as the engine encodes it:
    /// `{"code":…,"message":…}`.
    pub error: Option<String>,
    /// Results to keep, beside those that are kept already.
    pub results: Vec<PendingResult>,
}
