use std::time::SystemTime;

use serde::Serialize;

use crate::hash::Digest;

/// What kind of step a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
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

    /// Reads what [`as_str`](Self::as_str) returned.
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
#[non_exhaustive]
pub struct StepRecord {
    /// Its number.
    pub step: u64,
    /// What kind of step.
    pub kind: StepKind,
    /// The version of the graph that wrote it.
    pub version: u32,
    /// The fingerprint of that graph, if another graph wrote the step before.
    pub graph: Option<Digest>,
    /// What it did, as canonical JSON: the input of step 0, the state that a
    /// fork begins with, else the tasks' updates and routes in merge order.
    pub updates: String,
    /// What comes next, as canonical JSON: frontier, joins, deferred tasks.
    pub frontier: String,
    /// `chain(n)`.
    pub chain: Digest,
    /// `digest(n)`.
    pub digest: Digest,
    /// The idempotency key.
    pub key: Digest,
    /// What else a replay has to know, as canonical JSON: tasks that did not
    /// succeed at their first attempt, or saw an older state. `None` if there
    /// is nothing to say.
    pub notes: Option<String>,
    /// The hash of the notes and of the step's effect records; `None` if there are none.
    pub journal: Option<Digest>,
    /// When it was committed, by the store's clock; what the caller sets is ignored.
    pub committed: SystemTime,
}

impl StepRecord {
    /// Of version 1 of the graph that wrote the step before, without notes and without a hash
    /// of effects. Set the other fields as needed.
    pub fn new(
        step: u64,
        kind: StepKind,
        updates: impl Into<String>,
        frontier: impl Into<String>,
        chain: Digest,
        digest: Digest,
        key: Digest,
    ) -> Self {
        Self {
            step,
            kind,
            version: 1,
            graph: None,
            updates: updates.into(),
            frontier: frontier.into(),
            chain,
            digest,
            key,
            notes: None,
            journal: None,
            committed: SystemTime::UNIX_EPOCH,
        }
    }
}

/// A step at which a run's graph changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GraphChange {
    /// The first step of that graph.
    pub step: u64,
    /// Its fingerprint.
    pub fingerprint: Digest,
    /// Its version.
    pub version: u32,
}

impl GraphChange {
    /// From that step on the run's steps are of that graph.
    pub const fn new(step: u64, fingerprint: Digest, version: u32) -> Self {
        Self {
            step,
            fingerprint,
            version,
        }
    }

    /// The change that a step's record tells of.
    pub fn of(record: &StepRecord) -> Option<Self> {
        let fingerprint = record.graph?;
        Some(Self::new(record.step, fingerprint, record.version))
    }
}

/// A further turn of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TurnRecord {
    /// Its number, from 1: the run's input began turn 0.
    pub turn: u64,
    /// The step that began it.
    pub step: u64,
    /// The token that it began with.
    pub token: Option<String>,
    /// The error with which the run failed in this turn, if a further one dropped the step
    /// that was open then; as in [`Head::error`](super::Head::error).
    pub error: Option<String>,
}

impl TurnRecord {
    /// One that began with that step, without a token, and did not fail.
    pub const fn new(turn: u64, step: u64) -> Self {
        Self {
            turn,
            step,
            token: None,
            error: None,
        }
    }
}

/// The whole state after a step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Snapshot {
    /// The step after which this is the state.
    pub step: u64,
    /// The state as canonical JSON.
    pub state: String,
    /// SHA-256 over the state's text, length-prefixed.
    pub digest: Digest,
}

impl Snapshot {
    /// The state after that step.
    pub fn new(step: u64, state: impl Into<String>, digest: Digest) -> Self {
        Self {
            step,
            state: state.into(),
            digest,
        }
    }
}

/// The kept result of a finished task of a step that is still open.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

impl PendingResult {
    /// The result of that task.
    pub fn new(task: Digest, node: impl Into<String>, saw: u64, result: impl Into<String>) -> Self {
        Self {
            task,
            node: node.into(),
            saw,
            result: result.into(),
        }
    }
}

/// An event that commits with its step and is delivered afterwards. Not used yet: no engine
/// writes or delivers any so far.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
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

impl Event {
    /// One to be committed: it gets its id, its run and its step from the store.
    pub fn new(name: impl Into<String>, payload: impl Into<String>) -> Self {
        Self {
            id: 0,
            run: String::new(),
            step: 0,
            name: name.into(),
            payload: payload.into(),
        }
    }
}
