use std::time::{Duration, SystemTime};

use super::{EffectClass, EffectKey, EffectRecord, Question};
use crate::hash::Digest;

/// Something that a task of the open step waits for, until it comes or its time is over.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Wait {
    /// The step in which the task runs.
    pub step: u64,
    /// The task's order key.
    pub task: Digest,
    /// What kind of thing: an answer, a signal or a time.
    pub class: EffectClass,
    /// The name of the question or the signal; empty for a time.
    pub name: String,
    /// Which wait of that class and name, from 0.
    pub n: u64,
    /// The node's name.
    pub node: String,
    /// The attempt that waits, from 1.
    pub attempt: u32,
    /// When it was registered, by the store's clock; what the caller sets is ignored.
    pub since: SystemTime,
    /// Until when.
    pub deadline: Deadline,
    /// Whether its task stopped because of it: then nothing but what it waits for starts the
    /// task again.
    pub parked: bool,
}

/// Until when a task waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deadline {
    /// For as long as it takes.
    Never,
    /// For so long, from the moment in which the wait is registered.
    In(Duration),
    /// Until then, by the store's clock.
    At(SystemTime),
}

impl Deadline {
    /// The time, if it is known.
    pub const fn time(self) -> Option<SystemTime> {
        match self {
            Self::At(time) => Some(time),
            Self::Never | Self::In(_) => None,
        }
    }
}

impl Wait {
    /// The first of that class and name, of the first attempt, for as long as it takes. Set the
    /// other fields as needed.
    pub fn new(
        step: u64,
        task: Digest,
        class: EffectClass,
        name: impl Into<String>,
        node: impl Into<String>,
    ) -> Self {
        Self {
            step,
            task,
            class,
            name: name.into(),
            n: 0,
            node: node.into(),
            attempt: 1,
            since: SystemTime::UNIX_EPOCH,
            deadline: Deadline::Never,
            parked: false,
        }
    }

    /// The key of the record of what comes.
    pub fn key(&self) -> EffectKey {
        EffectKey::new(self.step, self.task, self.name.clone(), self.n).of_class(self.class)
    }
}

/// What the tasks of a driven run wait for, for [`Store::register`](crate::store::Store::register).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Registration {
    /// The run's id.
    pub run: String,
    /// The epoch of the lease that is held.
    pub epoch: u64,
    /// Effects of the open step, as in a [`Recording`](super::Recording): they are written first.
    pub effects: Vec<EffectRecord>,
    /// The new waits.
    pub waits: Vec<Wait>,
    /// Those that nobody waits for any more.
    pub closed: Vec<EffectKey>,
    /// What nodes ask with the waits, and is not asked yet.
    pub questions: Vec<Question>,
    /// The ids of questions that nobody is to answer any more; they are gone with their answers.
    pub withdrawn: Vec<String>,
    /// Of waits whose time may be over: the records to write if it is, and nothing came.
    pub over: Vec<EffectRecord>,
    /// The number of the last signal that the caller knows, 0 if none.
    pub known: u64,
}

impl Registration {
    /// Registers nothing: it only fetches the mail behind the signal `known`. Set the other
    /// fields as needed.
    pub fn new(run: impl Into<String>, epoch: u64, known: u64) -> Self {
        Self {
            run: run.into(),
            epoch,
            effects: Vec::new(),
            waits: Vec::new(),
            closed: Vec::new(),
            questions: Vec::new(),
            withdrawn: Vec::new(),
            over: Vec::new(),
            known,
        }
    }
}

/// A signal that a run has not received yet.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Signal {
    /// Its place in the order in which the run's signals came, from 1.
    pub number: u64,
    /// Its name.
    pub name: String,
    /// Its value as canonical JSON.
    pub value: String,
    /// When it came, by the store's clock.
    pub sent: SystemTime,
}

impl Signal {
    /// The signal with that number.
    pub fn new(
        number: u64,
        name: impl Into<String>,
        value: impl Into<String>,
        sent: SystemTime,
    ) -> Self {
        Self {
            number,
            name: name.into(),
            value: value.into(),
            sent,
        }
    }
}

/// A signal that is sent to a run, for [`Store::signal`](crate::store::Store::signal).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NewSignal {
    /// The run's id.
    pub run: String,
    /// By which it is told from others: a second one with the id of the first is the first.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its value as canonical JSON.
    pub value: String,
    /// How many signals the run may have that it has not received, this one included.
    pub most: u64,
}

impl NewSignal {
    /// A signal to a run, which may have any number of them.
    pub fn new(
        run: impl Into<String>,
        id: impl Into<String>,
        name: impl Into<String>,
        value: impl Into<String>,
    ) -> Self {
        Self {
            run: run.into(),
            id: id.into(),
            name: name.into(),
            value: value.into(),
            most: u64::MAX,
        }
    }
}

/// What has come for a run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Mail {
    /// The time by the store's clock; `None` if nobody looked.
    pub now: Option<SystemTime>,
    /// The signals behind the one that the caller knew which the run has not received, in the
    /// order in which they came.
    pub signals: Vec<Signal>,
    /// The waits of the open step that the call was about, as they are registered.
    pub waits: Vec<Wait>,
    /// The questions that the call asked, as they are stored.
    pub questions: Vec<Question>,
    /// The questions of nodes that are answered, and for whose answer a task of the open step still
    /// waits.
    pub answers: Vec<Question>,
    /// Those whose time is over, as it was recorded.
    pub over: Vec<EffectKey>,
}

impl Mail {
    /// Nothing has come by `now`. Set the other fields as needed.
    pub const fn new(now: SystemTime) -> Self {
        Self {
            now: Some(now),
            signals: Vec::new(),
            waits: Vec::new(),
            questions: Vec::new(),
            answers: Vec::new(),
            over: Vec::new(),
        }
    }
}

/// What became of a [`Park`](super::Park).
#[derive(Clone, Debug)]
pub enum Parked {
    /// It is written, and the lease has been given back.
    Left,
    /// Nothing is written, and the lease stays: what the run waits for is there.
    Mail(Mail),
}
