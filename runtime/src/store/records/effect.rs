use std::time::SystemTime;

use serde::Serialize;

use crate::as_json;
use crate::hash::Digest;

/// One call of an effect, one reading of the clock, or what came of a wait, as it is journaled.
///
/// A run has one record for each task, class, name and `n`. In its JSON, `response` and `error` are
/// JSON themselves, and times are RFC 3339.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct EffectRecord {
    /// The step in which the task runs.
    pub step: u64,
    /// The task's order key.
    pub task: Digest,
    /// What kind of call.
    pub class: EffectClass,
    /// The name of the effect, the question or the signal; empty for a reading of the clock, and for
    /// a time.
    pub name: String,
    /// Which call of that class and name, from 0.
    pub n: u64,
    /// What became of it.
    pub kind: EffectKind,
    /// Which of the task's calls it was, from 0, in the attempt that finished
    /// the task; `u32::MAX` if a thread other than the node's own made it, so that
    /// it has no place among them; `None` if that attempt did not make it, or did
    /// not wait for its outcome.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub call: Option<u32>,
    /// As the how-manieth of its task the node got it, from 0; `None` if it did not, and for
    /// readings of the clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seen: Option<u32>,
    /// The number of the [signal](super::Signal) that was received.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub signal: Option<u64>,
    /// The attempt that made the call, from 1; [`LEFT_BEHIND`](Self::LEFT_BEHIND) if none of the
    /// run's did.
    pub attempt: u32,
    /// SHA-256 over the request's canonical JSON, length-prefixed.
    pub request: Digest,
    /// The beginning of the request's canonical JSON, for people.
    pub excerpt: String,
    /// The response as canonical JSON.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_json::text"
    )]
    pub response: Option<String>,
    /// Why it failed.
    #[serde(
        skip_serializing_if = "Option::is_none",
        serialize_with = "as_json::text"
    )]
    pub error: Option<String>,
    /// When it was journaled, by the store's clock; what the caller sets is ignored.
    #[serde(serialize_with = "as_json::time")]
    pub recorded: SystemTime,
}

impl EffectRecord {
    /// The attempt of what the origin of a fork did after a call whose response is another one
    /// in the fork. Effects that are made at most once find it, so that they are not made a second
    /// time; any other is made anew, and its record takes the place of this one.
    pub const LEFT_BEHIND: u32 = 0;

    /// Of the first attempt, without a place among its task's calls, an excerpt, a response
    /// or an error. Set these fields as needed.
    pub fn new(
        step: u64,
        task: Digest,
        name: impl Into<String>,
        n: u64,
        kind: EffectKind,
        request: Digest,
    ) -> Self {
        Self {
            step,
            task,
            class: EffectClass::Effect,
            name: name.into(),
            n,
            kind,
            call: None,
            seen: None,
            signal: None,
            attempt: 1,
            request,
            excerpt: String::new(),
            response: None,
            error: None,
            recorded: SystemTime::UNIX_EPOCH,
        }
    }

    /// Whether no attempt of the run made the call: see [`LEFT_BEHIND`](Self::LEFT_BEHIND).
    pub const fn is_left_behind(&self) -> bool {
        self.attempt == Self::LEFT_BEHIND
    }

    /// Which call it belongs to.
    pub fn key(&self) -> EffectKey {
        EffectKey::new(self.step, self.task, self.name.clone(), self.n).of_class(self.class)
    }
}

/// What kind of call a record is of. Names are counted for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum EffectClass {
    /// A call to the outside world, or a reading of the clock.
    Effect,
    /// A question to somebody.
    Question,
    /// A wait for a signal.
    Signal,
    /// A wait for a time.
    Time,
}

impl EffectClass {
    const ALL: [Self; 4] = [Self::Effect, Self::Question, Self::Signal, Self::Time];

    /// The word in which it is stored, e.g. `signal`. They sort as the classes do.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Effect => "effect",
            Self::Question => "question",
            Self::Signal => "signal",
            Self::Time => "time",
        }
    }

    /// Reads what [`as_str`](Self::as_str) returned.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == word)
    }

    /// Whether it is a wait for something that comes from outside.
    pub const fn is_wait(self) -> bool {
        !matches!(self, Self::Effect)
    }
}

/// Which call a record belongs to. Keys are ordered by step,
/// then by task, class, name and `n`, names by their bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[non_exhaustive]
pub struct EffectKey {
    /// The step in which the task runs.
    pub step: u64,
    /// The task's order key.
    pub task: Digest,
    /// What kind of call.
    pub class: EffectClass,
    /// The name of the effect, the question or the signal; empty for a reading of the clock, and for
    /// a time.
    pub name: String,
    /// Which call of that class and name, from 0.
    pub n: u64,
}

impl EffectKey {
    /// The `n`-th effect of that name, from 0, by a task of a step.
    pub fn new(step: u64, task: Digest, name: impl Into<String>, n: u64) -> Self {
        Self {
            step,
            task,
            class: EffectClass::Effect,
            name: name.into(),
            n,
        }
    }

    /// The same of another class.
    #[must_use]
    pub fn of_class(self, class: EffectClass) -> Self {
        Self { class, ..self }
    }
}

/// What became of the call of an effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum EffectKind {
    /// It succeeded.
    Done,
    /// It failed, and its task continued; or it is known not to have happened.
    Failed,
    /// At most once: it was begun, and its outcome is not known.
    Intent,
    /// Its outcome was not known, and somebody answered that it had happened.
    Answered,
    /// A reading of the clock.
    Clock,
    /// A wait whose time is over: the time that was waited for has come, or nothing else had. Of a
    /// question it has the default as its response, if there was one.
    Elapsed,
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
            Self::Elapsed => "elapsed",
        }
    }

    /// Reads what [`as_str`](Self::as_str) returned.
    pub fn parse(word: &str) -> Option<Self> {
        [
            Self::Done,
            Self::Failed,
            Self::Intent,
            Self::Answered,
            Self::Clock,
            Self::Elapsed,
        ]
        .into_iter()
        .find(|kind| kind.as_str() == word)
    }
}

/// Effects of the open step to be written into its journal.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Recording {
    /// The run's id.
    pub run: String,
    /// The epoch of the lease that is held.
    pub epoch: u64,
    /// The records; each replaces the one with its task, class, name and `n`.
    pub effects: Vec<EffectRecord>,
}

impl Recording {
    /// These effects, under the lease with that epoch.
    pub fn new(run: impl Into<String>, epoch: u64, effects: Vec<EffectRecord>) -> Self {
        Self {
            run: run.into(),
            epoch,
            effects,
        }
    }
}
