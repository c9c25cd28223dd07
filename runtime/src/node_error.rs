//! What a node returns when it fails, and what an error row passes on.

use std::error::Error as StdError;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::encode;

/// Why a node failed, and whether trying again can help.
///
/// Takes any error with `?`. Like `anyhow::Error` it does not implement
/// [`std::error::Error`] itself; [`source`](Self::source) returns the error inside.
#[derive(Clone)]
pub struct NodeError {
    kind: Kind,
    source: Arc<dyn StdError + Send + Sync>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Permanent,
    Transient,
    NotSent,
    Refused,
}

/// An error as the journal keeps it.
#[derive(Serialize, Deserialize)]
struct Record {
    kind: Kind,
    message: String,
    /// Whether the call is not made again, also if a retry could mend it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    stands: bool,
}

impl Record {
    fn to_text(&self) -> String {
        // Words and a text always have an encoding.
        encode::to_string(self).unwrap_or_default()
    }
}

impl NodeError {
    /// An error that a retry cannot fix: it is never retried.
    pub fn permanent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Permanent, error.into())
    }

    /// An error that a retry may fix. What `?` converts is transient too.
    pub fn transient(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Transient, error.into())
    }

    /// An error that came before anything was sent: an
    /// [at-most-once](crate::Effect::at_most_once) effect is known not to have
    /// happened. A retry may fix it.
    pub fn not_sent(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::NotSent, error.into())
    }

    /// A clear no from the other side, such as a declined card: nothing was done. It is never
    /// retried, and the call that it came from is not made again, whether or not it is
    /// [at most once](crate::Effect::at_most_once); the node's `on error` row takes over.
    ///
    /// ```
    /// use superstep::NodeError;
    ///
    /// # struct Reply { declined: bool }
    /// fn receipt(reply: Reply) -> Result<String, NodeError> {
    ///     match reply.declined {
    ///         true => Err(NodeError::refused("the card was declined")),
    ///         false => Ok("paid".into()),
    ///     }
    /// }
    /// assert!(receipt(Reply { declined: true }).unwrap_err().is_refused());
    /// ```
    pub fn refused(error: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::new(Kind::Refused, error.into())
    }

    fn new(kind: Kind, error: Box<dyn StdError + Send + Sync>) -> Self {
        // A `NodeError` that was boxed on its way keeps its kind.
        match error.downcast::<Wrapped>() {
            Ok(wrapped) => wrapped.0,
            Err(error) => Self {
                kind,
                source: Arc::from(error),
            },
        }
    }

    /// Whether this error is never retried.
    pub fn is_permanent(&self) -> bool {
        matches!(self.kind, Kind::Permanent | Kind::Refused)
    }

    /// Whether the other side has refused, so that nothing was done.
    pub fn is_refused(&self) -> bool {
        self.kind == Kind::Refused
    }

    /// Whether it is certain that what was to be done was not.
    pub(crate) fn is_without_doubt(&self) -> bool {
        self.is_not_sent() || self.is_refused()
    }

    /// Whether the error came before anything was sent.
    pub fn is_not_sent(&self) -> bool {
        self.kind == Kind::NotSent
    }

    /// The error inside, to downcast or to walk its causes.
    pub fn source(&self) -> &(dyn StdError + Send + Sync + 'static) {
        &*self.source
    }

    /// What the journal keeps of it: kind and message, as canonical JSON.
    pub(crate) fn to_record(&self) -> String {
        let (kind, message, stands) = (self.kind, self.to_string(), false);
        Record {
            kind,
            message,
            stands,
        }
        .to_text()
    }

    /// The same record of a call that is not made again.
    pub(crate) fn that_stands(text: &str) -> String {
        match encode::from_str::<Record>(text) {
            Ok(record) => Record {
                stands: true,
                ..record
            }
            .to_text(),
            Err(_) => text.to_owned(),
        }
    }

    /// Whether the call that the record is of is not made again.
    pub(crate) fn stands(text: &str) -> bool {
        encode::from_str::<Record>(text)
            .is_ok_and(|record| record.stands || record.kind == Kind::Refused)
    }

    /// The error that the journal kept; what it was before is lost.
    pub(crate) fn from_record(text: &str) -> Self {
        match encode::from_str(text) {
            Ok(Record { kind, message, .. }) => Self::new(kind, message.into()),
            Err(_) => Self::permanent(text),
        }
    }

    pub(crate) fn into_source(self) -> Arc<dyn StdError + Send + Sync> {
        self.source
    }
}

impl fmt::Display for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.source, f)
    }
}

impl fmt::Debug for NodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}({:?})", self.kind, self.source)
    }
}

/// What `?` and `into()` make a [`NodeError`] of: any `std::error::Error + Send + Sync`. A trait
/// of `NodeError` and not of `E`, since rustc shows its message only then.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "`{E}` does not become a `NodeError` by itself",
    label = "`{E}` is not `std::error::Error + Send + Sync`",
    note = "say whether trying again can help: `NodeError::transient(…)` or `NodeError::permanent(…)`; they take text, too"
)]
pub trait MadeOf<E> {
    /// The error, as one that may help to try again.
    fn made_of(error: E) -> Self;
}

#[diagnostic::do_not_recommend]
impl<E: StdError + Send + Sync + 'static> MadeOf<E> for NodeError {
    fn made_of(error: E) -> Self {
        Self::transient(error)
    }
}

impl<E> From<E> for NodeError
where
    Self: MadeOf<E>,
{
    fn from(error: E) -> Self {
        Self::made_of(error)
    }
}

/// Carries a [`NodeError`] through `Box<dyn Error>` without losing its kind.
#[derive(Debug)]
struct Wrapped(NodeError);

impl fmt::Display for Wrapped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl StdError for Wrapped {
    /// What is shown here is the error inside, so the next in the chain is its cause.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.0.source.source()
    }
}

impl From<NodeError> for Box<dyn StdError + Send + Sync> {
    fn from(error: NodeError) -> Self {
        Box::new(Wrapped(error))
    }
}

/// How a node failed for good.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum FailureKind {
    /// By an error, or in a way that an older version of this crate did not record.
    #[default]
    Error,
    /// By [`NodeError::refused`]: the other side said no, and nothing was done.
    Refused,
    /// It took longer than its timeout.
    Timeout,
    /// It showed no sign of life for as long as its `idle` says.
    Idle,
    /// It panicked.
    Panic,
}

impl FailureKind {
    /// The word for it, as in a record: `error`, `refused`, `timeout`, `idle` or `panic`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Idle => "idle",
            Self::Panic => "panic",
        }
    }

    /// The kind that is left out in a record.
    const fn is_error(&self) -> bool {
        matches!(self, Self::Error)
    }
}

/// What an `on error` row passes to its node: who failed, after how many
/// attempts, how, and the last error's message.
///
/// ```
/// use serde::{Deserialize, Serialize};
/// use superstep::prelude::*;
/// use superstep::{Failure, FailureKind};
///
/// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
/// # struct Order { note: String }
/// #[node]
/// fn explain(_: &Order, failure: Failure) -> OrderUpdate {
///     Order::update().note(match failure.kind {
///         FailureKind::Refused => format!("the bank said no: {}", failure.message),
///         _ => format!("we could not reach the bank: {}", failure.message),
///     })
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The failed node's name in the graph.
    pub node: String,
    /// How often it was tried, the first try included.
    pub attempts: u32,
    /// The last error, with its causes.
    pub message: String,
    /// How it failed.
    #[serde(default, skip_serializing_if = "FailureKind::is_error")]
    pub kind: FailureKind,
    /// Of a task of an `each`, which of the items it had, from 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<u64>,
    /// The task's input as JSON, cut to 200 bytes; `None` if the node takes none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub input: Option<String>,
}

/// The input of a node behind `on error` that also wants the input of the task that failed: a
/// `T`, as the failed node takes it.
///
/// ```
/// use superstep::prelude::*;
/// use serde::{Deserialize, Serialize};
///
/// # #[derive(State, Debug, Clone, Default, Serialize, Deserialize)]
/// # struct Order { #[reduce(append)] missing: Vec<u64> }
/// # #[derive(Route)]
/// # enum Parts { Of(Vec<u64>) }
/// # #[node]
/// # fn pick(_: &Order) -> Parts { Parts::Of(vec![7, 8]) }
/// #[node]
/// fn fetch(_: &Order, part: u64) -> Result<(), String> {
///     Err(format!("part {part} is not there"))
/// }
///
/// #[node]
/// fn note(_: &Order, failed: Failed<u64>) -> OrderUpdate {
///     Order::update().missing([failed.input])
/// }
///
/// #[graph(
///     state = Order,
///     start -> pick,
///     pick -> match { Parts::Of(parts) => each fetch(parts) else end },
///     fetch -> end,
///     fetch on error -> note,
///     note -> end,
/// )]
/// struct Shop;
/// # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
/// let run = Engine::builder(Shop).build()?.run("order-1", Order::default()).await?;
/// assert_eq!(run.state().missing, [7, 8]);
/// # Ok::<(), Error>(()) })?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed<T> {
    /// What failed, and why.
    pub failure: Failure,
    /// The input of the task that failed.
    pub input: T,
}

/// How much of an input a failure shows.
const EXCERPT: usize = 200;

/// The beginning of an input's JSON, cut at a character.
pub(crate) fn excerpt(json: &str) -> String {
    let mut end = json.len().min(EXCERPT);
    while !json.is_char_boundary(end) {
        end -= 1;
    }
    json[..end].to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kind_survives_a_box() {
        let boxed: Box<dyn StdError + Send + Sync> = NodeError::permanent("no").into();
        assert!(NodeError::transient(boxed).is_permanent());
    }

    #[test]
    fn a_box_keeps_the_causes() {
        #[derive(Debug, thiserror::Error)]
        #[error("no such page")]
        struct NoPage(#[source] std::num::ParseIntError);
        let error = NodeError::permanent(NoPage("x".parse::<i32>().unwrap_err()));
        let boxed: Box<dyn StdError + Send + Sync> = error.into();
        assert_eq!(boxed.to_string(), "no such page");
        let cause = boxed.source().unwrap();
        assert!(cause.is::<std::num::ParseIntError>(), "{cause}");
    }

    #[test]
    fn question_mark_takes_any_error() {
        fn parse() -> Result<i32, NodeError> {
            Ok("x".parse::<i32>()?)
        }
        let error = parse().unwrap_err();
        assert!(!error.is_permanent());
        assert!(error.source().is::<std::num::ParseIntError>());
    }

    #[test]
    fn a_kind_of_failure_has_one_word() {
        use FailureKind::{Error, Idle, Panic, Refused, Timeout};
        for kind in [Error, Refused, Timeout, Idle, Panic] {
            assert_eq!(
                encode::to_string(&kind).unwrap(),
                format!("\"{}\"", kind.as_str())
            );
        }
    }
}
