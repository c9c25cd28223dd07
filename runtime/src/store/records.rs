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
    /// Where the run branched off, if it is a fork.
    pub origin: Option<Origin>,
    /// The first step after the input that was not pruned; 0 if nothing was.
    pub pruned: u64,
    /// The live or lapsed lease, if it was not given back.
    pub lease: Option<Lease>,
    /// When the run was created, by the store's clock.
    pub created: SystemTime,
    /// When its head last moved or its status last changed.
    pub updated: SystemTime,
}

/// The step of another run at which a fork begins: its history is the fork's
/// too, and is not copied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The other run.
    pub run: String,
    /// Its last step that is the fork's too.
    pub step: u64,
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
    /// The version of the graph that wrote it.
    pub version: u32,
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
    /// What a replay has to know beside, as canonical JSON: tasks that did not
    /// succeed at their first attempt, or saw an older state. `None` if there
    /// is nothing to say.
    pub notes: Option<String>,
    /// The hash of the notes and of the step's effect records; `None` if there are none.
    pub journal: Option<Digest>,
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

/// One call of an effect, or one reading of the clock, as it is journaled.
///
/// A run has one record for each task, name and `n`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectRecord {
    /// The step in which the task runs.
    pub step: u64,
    /// The task's order key.
    pub task: Digest,
    /// The effect's name; empty for a reading of the clock.
    pub name: String,
    /// Which call of that name, from 0.
    pub n: u64,
    /// What became of it.
    pub kind: EffectKind,
    /// Which of the task's calls it was, from 0, in the attempt that finished
    /// the task; `None` if that attempt did not make it.
    pub call: Option<u32>,
    /// The attempt that made the call, from 1.
    pub attempt: u32,
    /// SHA-256 over the request's canonical JSON, length-prefixed.
    pub request: Digest,
    /// The beginning of the request's canonical JSON, for people.
    pub excerpt: String,
    /// The response as canonical JSON.
    pub response: Option<String>,
    /// Why it failed.
    pub error: Option<String>,
    /// When it was journaled, by the store's clock; what the caller sets is ignored.
    pub recorded: SystemTime,
}

/// What became of the call of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EffectKind {
    /// It succeeded.
    Done,
    /// It failed, and its task went on; or it is known not to have happened.
    Failed,
    /// At most once: it was begun, and its outcome is not known.
    Intent,
    /// Its outcome was not known, and somebody answered that it had happened.
    Answered,
    /// A reading of the clock.
    Clock,
}

impl EffectKind {
    /// The word in which it is stored, e.g. `done`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Intent => "intent",
            Self::Answered => "answered",
            Self::Clock => "clock",
        }
    }

    /// Reads what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Done,
            Self::Failed,
            Self::Intent,
            Self::Answered,
            Self::Clock,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
    }
}

/// Effects of the open step, to be journaled now.
#[derive(Clone, Debug)]
pub struct Journal {
    /// The run's id.
    pub run: String,
    /// The epoch of the lease that is held.
    pub epoch: u64,
    /// The records; each takes the place of the one with its task, name and `n`.
    pub effects: Vec<EffectRecord>,
}

/// Something that a task has to know before it can go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Its id, unique in the run.
    pub id: String,
    /// What kind of question.
    pub kind: QuestionKind,
    /// The open step.
    pub step: u64,
    /// The task's order key.
    pub task: Digest,
    /// The node's name.
    pub node: String,
    /// Under which name it was asked: for an outcome, the effect's.
    pub name: String,
    /// Which call of that name, from 0.
    pub n: u64,
    /// The question as canonical JSON.
    pub question: String,
    /// The JSON Schema of the answer, if there is one.
    pub schema: Option<String>,
    /// When it was asked, by the store's clock; what the caller sets is ignored.
    pub asked: SystemTime,
    /// The answer as canonical JSON; `None` while it is open.
    pub answer: Option<String>,
}

/// What kind of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QuestionKind {
    /// Whether an effect that must not be repeated has happened.
    Outcome,
    /// A node's own.
    Interrupt,
}

impl QuestionKind {
    /// The word in which it is stored, e.g. `outcome`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Outcome => "outcome",
            Self::Interrupt => "interrupt",
        }
    }

    /// Reads what [`as_str`](Self::as_str) gave.
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Outcome, Self::Interrupt]
            .into_iter()
            .find(|kind| kind.as_str() == word)
    }
}

/// The answer to an open question.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The run's id.
    pub run: String,
    /// The question's id.
    pub question: String,
    /// The answer as canonical JSON.
    pub answer: String,
    /// What the journal says of the effect from now on, if it was the question.
    pub effect: Option<EffectRecord>,
}

/// What [`Store::prune`](super::Store::prune) is to drop.
///
/// A run that another one branched off from is kept as long as that one, and so
/// are the steps that are its history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prune {
    /// What of them.
    pub what: Pruning,
    /// Only runs of this graph.
    pub graph: Option<String>,
    /// Only runs that stand so. A run under a live lease is always left alone.
    pub statuses: Vec<Status>,
    /// Only runs whose head has not moved for so long, by the store's clock.
    pub older_than: Duration,
    /// Of the runs that all this is true of, keep so many: those whose heads moved last.
    pub keep_newest: usize,
}

/// What of a run is dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Pruning {
    /// Everything.
    Run,
    /// The steps between the input and the newest snapshot, with their effects,
    /// their answered questions and their labels.
    History,
}

/// What [`Store::prune`](super::Store::prune) dropped.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many runs were dropped, or had steps dropped.
    pub runs: u64,
    /// How many steps.
    pub steps: u64,
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
    /// The newest snapshot of the run itself, if there is one.
    pub snapshot: Option<Snapshot>,
    /// The records from the snapshot's step on to the head; without a snapshot
    /// from the run's own first step on: step 0, or the one that made it a fork.
    pub steps: Vec<StepRecord>,
    /// The pending results of the open step.
    pub pending: Vec<PendingResult>,
    /// The effects of the open step, by task, name and `n`.
    pub effects: Vec<EffectRecord>,
    /// The open questions, by id.
    pub questions: Vec<Question>,
}

/// What a run is created with, beside its first step.
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
    /// Where it branches off, if it is a fork: its first step is the one after
    /// that, and not step 0.
    pub origin: Option<Origin>,
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
    /// Given with the run's first step and only then.
    pub create: Option<Creation>,
    /// The right to do this.
    pub access: Access,
    /// Whether the lease is given back with this commit.
    pub release: bool,
    /// The chain value of the step before, which is the origin's for a fork;
    /// ignored for step 0.
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
    /// Effects of the step that are not journaled yet, or otherwise.
    pub effects: Vec<EffectRecord>,
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
    /// Effects of the open step that are not journaled yet, or otherwise.
    pub effects: Vec<EffectRecord>,
    /// Questions to ask, beside those that are open already.
    pub questions: Vec<Question>,
}
