use super::{
    Claim, EffectKey, EffectRecord, Event, Lease, Origin, PendingResult, Question, Snapshot,
    Status, StepRecord, Wait,
};
use crate::hash::Digest;

/// What a run is created with, in addition to its first step.
#[derive(Clone, Debug)]
#[non_exhaustive]
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

impl Creation {
    /// Of a run that is not a fork.
    pub fn new(
        graph: impl Into<String>,
        fingerprint: Digest,
        version: u32,
        description: impl Into<String>,
        seed: u64,
    ) -> Self {
        Self {
            graph: graph.into(),
            fingerprint,
            version,
            description: description.into(),
            seed,
            origin: None,
        }
    }
}

/// How a commit proves its right to move the run.
#[derive(Clone, Debug)]
pub enum Access {
    /// It takes the lease, as [`Store::acquire`](crate::store::Store::acquire) would.
    Take(Claim),
    /// It holds the lease with this epoch.
    Held {
        /// The epoch.
        epoch: u64,
    },
}

/// One step, ready to be committed.
#[derive(Clone, Debug)]
#[non_exhaustive]
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
    /// The canonical text of the graph that the record [names](StepRecord::graph), kept once
    /// per fingerprint; `None` if it names none.
    pub description: Option<String>,
    /// The state after the step, if it is time for a snapshot. It replaces
    /// older ones as that of [`put_snapshot`](crate::store::Store::put_snapshot) does.
    pub snapshot: Option<Snapshot>,
    /// The run's status from now on.
    pub status: Status,
    /// The turn that the step belongs to.
    pub turn: u64,
    /// The step that began that turn.
    pub turn_step: u64,
    /// The step from which `max_steps` is counted, at least `turn_step`: the last
    /// one that came from outside, a turn's or a correction.
    pub counted_from: u64,
    /// The turn's token, with the step that begins a turn: no other turn of
    /// the run begins with it.
    pub token: Option<String>,
    /// Effects of the step that are not journaled yet, or not in this form; with the first step
    /// of a fork also those that it has on record of the next one, which is open then.
    pub effects: Vec<EffectRecord>,
    /// Records of waits of the step that the store may have, and that no task has got: they are
    /// removed.
    pub unheard: Vec<EffectKey>,
    /// Events for the outbox. Not used yet: no engine writes any so far.
    pub events: Vec<Event>,
}

impl Commit {
    /// A step of an existing run whose lease stays; in turn 0, which began with
    /// step 0; with nothing but the record. Set the other fields as needed.
    pub fn new(
        run: impl Into<String>,
        access: Access,
        previous: Digest,
        record: StepRecord,
        status: Status,
    ) -> Self {
        Self {
            run: run.into(),
            create: None,
            access,
            release: false,
            previous,
            record,
            description: None,
            snapshot: None,
            status,
            turn: 0,
            turn_step: 0,
            counted_from: 0,
            token: None,
            effects: Vec::new(),
            unheard: Vec::new(),
            events: Vec::new(),
        }
    }
}

/// What a commit did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Committed {
    /// The step is committed; this is the lease it was committed under.
    Now(Lease),
    /// The step was committed before, with the same key; the lease, if it is still
    /// the caller's. Without it somebody else may be driving the run, unless
    /// the commit itself gave the lease back.
    Already(Option<Lease>),
    /// The commit's token began an earlier turn of the run; nothing changed.
    TokenSpent,
}

/// What is kept when a step stays open.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Park {
    /// The run's id.
    pub run: String,
    /// The epoch of the lease that is held, and given back.
    pub epoch: u64,
    /// The run's status from now on.
    pub status: Status,
    /// The error of a failed run, as the engine encodes it:
    /// `{"code":…,"message":…,"step":…,"node":…}`, the last two where there are any.
    pub error: Option<String>,
    /// Results to keep, in addition to those that are kept already.
    pub results: Vec<PendingResult>,
    /// Effects of the open step that are not journaled yet, or not in this form.
    pub effects: Vec<EffectRecord>,
    /// Questions to ask, in addition to those that are open already.
    pub questions: Vec<Question>,
    /// The ids of those that nobody is to answer any more; they are gone with their answers.
    pub withdrawn: Vec<String>,
    /// The ids of those about effects that are open, as far as the caller knows.
    pub asked: Vec<String>,
    /// All that the tasks of the open step wait for; what was registered and is not here is
    /// closed.
    pub waits: Vec<Wait>,
    /// The number of the last signal that the caller knows, 0 if none.
    pub known: u64,
}

impl Park {
    /// Keeps nothing but the status, without an error. Set the other fields as needed.
    pub fn new(run: impl Into<String>, epoch: u64, status: Status) -> Self {
        Self {
            run: run.into(),
            epoch,
            status,
            error: None,
            results: Vec::new(),
            effects: Vec::new(),
            questions: Vec::new(),
            withdrawn: Vec::new(),
            asked: Vec::new(),
            waits: Vec::new(),
            known: 0,
        }
    }
}
