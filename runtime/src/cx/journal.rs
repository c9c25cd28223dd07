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

use std::future::{Future, ready};
use std::pin::Pin;
use std::time::SystemTime;

use super::Cx;
use crate::encode::DecodeError;
use crate::error::Error;
use crate::hash::{Digest, Hasher};
use crate::store::EffectRecord;

/// The identity of a call: which task, under which name, and which call of that name.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Call {
    pub(crate) task: Digest,
    /// Empty for a reading of the clock.
    pub(crate) name: String,
    pub(crate) n: u64,
}

impl Call {
    pub(crate) fn of(record: &EffectRecord) -> Self {
        Self {
            task: record.task,
            name: record.name.clone(),
            n: record.n,
        }
    }
}

/// A call as its attempt knows it.
#[derive(Debug)]
pub(crate) struct MadeCall {
    pub(crate) name: String,
    pub(crate) n: u64,
    /// Its place among the calls of its attempt, or [`APART`].
    pub(crate) position: u32,
    /// Whether the node got its outcome.
    pub(crate) seen: bool,
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
            // The decoder's message may repeat all of it.
            Err(DecodeError { ty, reason }) => Self::Unknown(format!(
                "the last answer does not decode: {} is not a `{ty}`: {}",
                beginning(response, ANSWER),
                beginning(reason, ANSWER)
            )),
        }
    }
}

/// How much is shown of an answer that does not decode.
const ANSWER: usize = 200;

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

    /// Whether nothing is recorded for the open step.
    fn is_empty(&self) -> bool;

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
