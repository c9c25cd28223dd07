//! What effects are recorded in: a store's journal while a run is driven, the
//! record of a run while it is replayed.
//!
//! What is recorded stands, and an attempt records until it is over. A blocking
//! node keeps running when its attempt is given up, since its thread cannot be taken
//! away; from then on it is refused everything: it begins no call, and the outcome of
//! one is neither recorded nor asked for. Whether it was given up is checked
//! under the journal's lock, and the engine examines what an attempt left only
//! after giving it up. So each record of an attempt either stands before the
//! engine decides whether to ask, retry or continue, or never comes.

use std::collections::BTreeSet;
use std::future::{Future, ready};
use std::pin::Pin;
use std::sync::Arc;
use std::task::Waker;
use std::time::SystemTime;

use super::Cx;
use super::order::CallId;
use crate::encode::DecodeError;
use crate::error::Error;
use crate::hash::{Digest, Hasher};
use crate::store::{Deadline, EffectClass, EffectRecord};

/// The identity of a call: which task, of which class, under which name, and which call of that
/// name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) task: Digest,
    pub(crate) class: EffectClass,
    /// Empty for a reading of the clock, and for a time.
    pub(crate) name: String,
    pub(crate) n: u64,
}

impl Call {
    pub(crate) fn of(record: &EffectRecord) -> Self {
        Self {
            task: record.task,
            class: record.class,
            name: record.name.clone(),
            n: record.n,
        }
    }

    pub(crate) fn with(task: Digest, (class, name, n): CallId) -> Self {
        Self {
            task,
            class,
            name,
            n,
        }
    }

    /// The same without its task.
    pub(crate) fn id(&self) -> CallId {
        (self.class, self.name.clone(), self.n)
    }
}

/// A call as its attempt knows it.
#[derive(Clone, Debug)]
pub(crate) struct MadeCall {
    pub(crate) class: EffectClass,
    pub(crate) name: String,
    pub(crate) n: u64,
    /// Its place among the calls of its attempt, or [`APART`].
    pub(crate) position: u32,
    /// As the how-manieth of its attempt the node got its outcome, if it did.
    pub(crate) seen: Option<u32>,
}

/// The place of a call that a thread other than the node's own made: when it was
/// made depends on timing, so it is the only one of its name and has no order.
pub(crate) const APART: u32 = u32::MAX;

/// What is asked of the outside world.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) digest: Digest,
    /// The beginning of its text.
    pub(crate) excerpt: String,
}

/// How much of a request is kept for people.
const EXCERPT: usize = 1_024;

impl Request {
    /// The request with that canonical text.
    pub(crate) fn of(text: String) -> Self {
        let digest = Hasher::new().part(&text).finish();
        let excerpt = beginning(text, EXCERPT);
        Self { digest, excerpt }
    }
}

/// The first `longest` bytes of a text, up to a character.
fn beginning(mut text: String, longest: usize) -> String {
    if text.len() > longest {
        text.truncate(text.floor_char_boundary(longest));
        text.push('…');
    }
    text
}

/// Whether a text is a possible response of a call.
pub(crate) type Reads = fn(&str) -> Result<(), DecodeError>;

/// What a call asks of the journal before it is made.
#[derive(Clone, Copy)]
pub(crate) struct Asks<'a> {
    pub(crate) request: &'a Request,
    /// Whether it must not be made a second time.
    pub(crate) at_most_once: bool,
    /// By which attempt it would be made.
    pub(crate) attempt: u32,
    pub(crate) reads: Reads,
}

/// Why the run asks about a call that an earlier attempt began.
pub(crate) const UNRECORDED: &str = "it was begun, and its outcome was not recorded";

/// What is known of a call before it is made.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    /// Nothing: it is to be made.
    New,
    /// Its response.
    Response(String),
    /// Its failure.
    Failure(String),
    /// It was begun, and nobody knows what became of it, because of this.
    Unknown(String),
    /// Another request is on record; this is how it begins.
    Changed(String),
    /// It must not be made, and there will never be a response.
    Never,
}

impl Found {
    /// What somebody gave as the call's response. If the call cannot have such a
    /// response, nobody knows, as before.
    pub(crate) fn answered(response: String, reads: Reads) -> Self {
        match reads(&response) {
            Ok(()) => Self::Response(response),
            Err(error) => Self::Unknown(misread(response, error)),
        }
    }
}

/// Why an answer counts for nothing. The decoder's message may repeat all of it.
pub(crate) fn misread(answer: String, DecodeError { ty, reason }: DecodeError) -> String {
    format!(
        "the last answer does not decode: {} is not a `{ty}`: {}",
        beginning(answer, ANSWER),
        beginning(reason, ANSWER)
    )
}

/// How much is shown of an answer that does not decode.
const ANSWER: usize = 200;

/// What a task begins to wait for, or waits for on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting<'a> {
    pub(crate) deadline: Deadline,
    /// Its place among the calls of its attempt.
    pub(crate) position: u32,
    /// As the how-manieth the node would see it.
    pub(crate) seen: u32,
    /// What it asks, if it waits for an answer.
    pub(crate) asks: Option<&'a Inquiry>,
}

/// What a task asks somebody.
#[derive(Clone, Debug)]
pub(crate) struct Inquiry {
    /// The question as canonical JSON.
    pub(crate) text: String,
    /// The JSON Schema of the answer.
    pub(crate) schema: Option<String>,
    /// What counts if nobody answers in time.
    pub(crate) default: Option<String>,
    pub(crate) reads: Reads,
}

/// What is known of a wait.
#[derive(Debug)]
pub(crate) enum Wanted {
    /// It has come: this is its record.
    Came(Box<EffectRecord>),
    /// It has not; with `true` the store has to be told that the task waits, or asked whether the
    /// time is over.
    NotYet(bool),
}

/// What an attempt leaves when it stops to wait.
#[derive(Debug)]
pub(crate) struct Stopped {
    pub(crate) calls: Vec<MadeCall>,
    pub(crate) buffered: Vec<EffectRecord>,
    /// The waits that it left pending.
    pub(crate) open: BTreeSet<CallId>,
}

/// Resolves when waits are registered.
pub(crate) type Registered = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// Resolves when what was written is on disk.
pub(crate) type Written<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + Send + 'a>>;

/// See the module.
pub(crate) trait EffectJournal: Send + Sync {
    /// What is known of `call`; `position` is its place among the calls of its attempt, or [`APART`].
    fn find(&self, call: &Call, position: u32, asks: &Asks<'_>) -> Found;

    /// A call of `task` on record before `position` that came to something and that is not
    /// `asked` for, by its name and number.
    fn passed_over(
        &self,
        _task: Digest,
        _position: u32,
        _asked: &dyn Fn(&str, u64) -> bool,
    ) -> Option<Call> {
        None
    }

    /// The recorded reading of the clock, if there is one.
    fn clock(&self, call: &Call, position: u32) -> Option<SystemTime>;

    /// Records what happened in attempt `by`; nothing if that was given up.
    fn write(&self, by: &Cx, records: Vec<EffectRecord>) -> Option<Written<'_>>;

    /// What happened, to be written with the step or when it is left.
    fn note(&self, _by: &Cx, _record: EffectRecord) {}

    /// Writes what an earlier attempt of `task` left unwritten, before `attempt`
    /// builds on it.
    fn settle(&self, _task: Digest, _attempt: u32) -> Written<'_> {
        Box::pin(ready(Ok(())))
    }

    /// If somebody is asked what became of `call`, its response has to be of the Rust type `ty`.
    fn expect(&self, _call: Call, _ty: &'static str) {}

    /// Asks what became of `call`, which attempt `by` made, because of `reason`.
    fn ask(&self, by: &Cx, call: &Call, request: &Request, reason: &str);

    /// Whether nothing is recorded for the open step, and nobody waits in it.
    fn is_empty(&self) -> bool;

    /// What `task` has on record in the order in which it got it, if it has waited.
    fn order(&self, _task: Digest) -> Vec<CallId> {
        Vec::new()
    }

    /// The record of a wait, if it has come to something; `position` is its place among the calls
    /// of its attempt, `asks` what it asks, if it waits for an answer.
    fn came(&self, _call: &Call, _position: u32, _asks: Option<&Request>) -> Option<EffectRecord> {
        None
    }

    /// Attempt `by` waits for `call`: takes what is there.
    fn want(&self, by: &Cx, call: &Call, waiting: Waiting<'_>) -> Wanted;

    /// `waker` is woken when `call` has come.
    fn attend(&self, _call: &Call, _waker: &Waker) {}

    /// Tells the store what attempt `by` waits for, and asks what is there.
    fn register(self: Arc<Self>, by: &Cx) -> Registered;

    /// What has to be written before attempt `by` calls the outside world, if it has waited.
    fn flush(&self, _by: &Cx) -> Option<Written<'_>> {
        None
    }

    /// The attempt that `task` has to be continued with, if it has stopped to wait, and whether it
    /// still has nothing to do.
    fn rests(&self, _task: Digest) -> Option<(u32, bool)> {
        None
    }

    /// The attempt stops to wait.
    fn stop(&self, _by: &Cx, _stopped: Stopped) {}

    /// The task is tried again: what it saw is no longer in any order.
    fn retry(&self, _task: Digest) {}

    /// A task is done: `calls` are those of its last attempt, in order, and
    /// `buffered` what is not recorded yet. Whatever else earlier attempts recorded
    /// is marked as not called.
    fn finish(&self, task: Digest, calls: Vec<MadeCall>, buffered: Vec<EffectRecord>);

    /// Asks about every effect of `task` whose outcome nobody knows; returns
    /// whether there is one.
    fn ask_for_unknown(&self, task: Digest, node: &str, reason: &str) -> bool;

    /// Whether new values are checked for the round trip through their text.
    fn checks_round_trip(&self) -> bool;
}
