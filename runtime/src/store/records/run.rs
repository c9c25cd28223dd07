use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use super::{
    EffectRecord, GraphChange, PendingResult, Question, Signal, Snapshot, StepRecord, Wait,
};
use crate::as_json;
use crate::hash::Digest;

/// Where a run stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Some process is driving it, or was killed while it did.
    Running,
    /// It reached `end` on every branch. Final.
    Completed,
    /// It waits for an answer or a signal.
    Interrupted,
    /// It waits for times, and for nothing else.
    Sleeping,
    /// It stopped between two steps for a look, where its engine was
    /// [told to](crate::EngineBuilder::pause_before), or in a step whose tasks waited
    /// [too long](crate::EngineBuilder::backpressure_timeout) to be admitted. It stays there until it
    /// is resumed.
    Paused,
    /// Somebody cancelled it. Final. Not used yet: no run can be cancelled so far.
    Cancelled,
    /// A step failed; the error is kept, and `resume` tries again or a further
    /// turn drops the step.
    Failed,
}

impl Status {
    pub(crate) const ALL: [Self; 7] = [
        Self::Running,
        Self::Completed,
        Self::Interrupted,
        Self::Sleeping,
        Self::Paused,
        Self::Cancelled,
        Self::Failed,
    ];

    /// Whether nothing but a further turn can move the run.
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

    /// Reads what [`as_str`](Self::as_str) returned.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == word)
    }
}

/// What a store knows of a run at a glance.
///
/// In its JSON, `error` is JSON itself, and times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Head {
    /// The run's id.
    pub run: String,
    /// The name of its graph.
    pub graph: String,
    /// The fingerprint of the graph that the run was created with.
    pub fingerprint: Digest,
    /// The version of that graph.
    pub version: u32,
    /// The last change of its graph, if there was one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed: Option<GraphChange>,
    /// The run's seed.
    pub seed: u64,
    /// Where it stands.
    pub status: Status,
    /// The error that a failed run ended with, as the engine encodes it:
    /// `{"code":…,"message":…,"step":…,"node":…}`, the last two where there are any.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_json::text"
    )]
    pub error: Option<String>,
    /// The last committed step.
    pub step: u64,
    /// The chain value of that step: the run's fingerprint.
    pub chain: Digest,
    /// The current turn, from 0.
    pub turn: u64,
    /// The step that began the current turn.
    pub turn_step: u64,
    /// The step from which `max_steps` is counted, at least `turn_step`: the last
    /// one that came from outside, a turn's or a correction.
    pub counted_from: u64,
    /// The token with which the current turn began, if it had one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// Where the run branched off, if it is a fork.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// No step from this one on was pruned; 0 if none was. Before it there
    /// are only the input, a fork's own first step, and what forks stand on.
    pub pruned: u64,
    /// The live or lapsed lease, if it was not given back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<Lease>,
    /// When something that it waits for is there: in the past if it is there already, `None`
    /// if nobody knows.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_json::optional_time"
    )]
    pub wakes: Option<SystemTime>,
    /// When the run was created, by the store's clock.
    #[serde(serialize_with = "as_json::time")]
    pub created: SystemTime,
    /// When its head last moved or its status last changed.
    #[serde(serialize_with = "as_json::time")]
    pub updated: SystemTime,
}

impl Head {
    /// Of a run that was created and last moved at that time: version 1 and seed 0, in turn
    /// 0, which began with step 0; of one graph all along, without error, token, origin and
    /// lease, nothing pruned. Set the other fields as needed.
    pub fn new(
        run: impl Into<String>,
        graph: impl Into<String>,
        fingerprint: Digest,
        status: Status,
        step: u64,
        chain: Digest,
        created: SystemTime,
    ) -> Self {
        Self {
            run: run.into(),
            graph: graph.into(),
            fingerprint,
            version: 1,
            changed: None,
            seed: 0,
            status,
            error: None,
            step,
            chain,
            turn: 0,
            turn_step: 0,
            counted_from: 0,
            token: None,
            origin: None,
            pruned: 0,
            lease: None,
            wakes: None,
            created,
            updated: created,
        }
    }
}

impl Head {
    /// The first step that it shares with no other run: of a fork, the one behind its origin's.
    pub fn first_own_step(&self) -> u64 {
        let origin = self.origin.as_ref();
        origin.map_or(0, |origin| origin.step.saturating_add(1))
    }

    /// The fingerprint and the version of the graph of its last step.
    pub fn graph_now(&self) -> (Digest, u32) {
        let created = (self.fingerprint, self.version);
        self.changed
            .map_or(created, |now| (now.fingerprint, now.version))
    }

    /// The same, at its last step.
    pub(crate) fn last_graph(&self) -> GraphChange {
        let (fingerprint, version) = self.graph_now();
        GraphChange::new(self.step, fingerprint, version)
    }
}

/// The step of another run at which a fork begins: its history is the fork's
/// too, and is not copied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Origin {
    /// The other run.
    pub run: String,
    /// Its last step that the fork shares.
    pub step: u64,
}

impl Origin {
    /// After that step of that run.
    pub fn new(run: impl Into<String>, step: u64) -> Self {
        Self {
            run: run.into(),
            step,
        }
    }
}

/// The right to advance a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lease {
    /// Who holds it.
    pub owner: String,
    /// Grows with every owner; a commit with an older one is refused.
    pub epoch: u64,
    /// When it lapses, by the store's clock.
    #[serde(serialize_with = "as_json::time")]
    pub expires: SystemTime,
}

impl Lease {
    /// Held by that owner, under that epoch, until then.
    pub fn new(owner: impl Into<String>, epoch: u64, expires: SystemTime) -> Self {
        Self {
            owner: owner.into(),
            epoch,
            expires,
        }
    }
}

/// What [`Store::load`](crate::store::Store::load) reads.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The head.
    pub head: Head,
    /// The newest snapshot of the run itself, if there is one.
    pub snapshot: Option<Snapshot>,
    /// The records from the snapshot's step to the head; without a snapshot
    /// from the run's own first step: step 0, or the one that made it a fork.
    pub steps: Vec<StepRecord>,
    /// The pending results of the open step.
    pub pending: Vec<PendingResult>,
    /// The effects of the open step, by task, name and `n`.
    pub effects: Vec<EffectRecord>,
    /// The open questions, by id.
    pub questions: Vec<Question>,
    /// The answered ones of nodes for whose answer a task of the open step still waits, by id.
    pub answers: Vec<Question>,
    /// What the tasks of the open step wait for, by their [keys](Wait::key).
    pub waits: Vec<Wait>,
    /// The signals that the run has not received, in the order in which they came.
    pub signals: Vec<Signal>,
}

impl Loaded {
    /// The head alone. Set the other fields as needed.
    pub const fn new(head: Head) -> Self {
        Self {
            head,
            snapshot: None,
            steps: Vec::new(),
            pending: Vec::new(),
            effects: Vec::new(),
            questions: Vec::new(),
            answers: Vec::new(),
            waits: Vec::new(),
            signals: Vec::new(),
        }
    }
}
