//! A run that is rehearsed: somebody stands in for the world outside its nodes, and
//! is told what they do. In a real run nobody does.

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use super::{Call, Cx, Request};
use crate::node_error::NodeError;

/// The outcome of a call: its response as text, or its error.
pub(crate) type Said = Result<String, NodeError>;

/// What stands in for the closure of an effect.
pub(crate) enum Line {
    /// The call has this outcome, and its closure is not called.
    Say(Said),
    /// It must be made.
    Make,
    /// It never has an outcome.
    Never,
}

/// Resolves when it is known what becomes of a call.
pub(crate) type Cue<'a> = Pin<Box<dyn Future<Output = Line> + Send + 'a>>;

/// See the module. `by` says which attempt asks.
pub(crate) trait Rehearsal: Send + Sync {
    /// The attempt begins.
    fn starts(&self, by: &Cx);

    /// The time for a reading of the clock that is not on record.
    fn time(&self, by: &Cx, reading: &Call) -> SystemTime;

    /// `call` is about to be made, `at_most_once` or not.
    fn calls<'a>(
        &'a self,
        by: &'a Cx,
        call: Call,
        request: &'a Request,
        at_most_once: bool,
    ) -> Cue<'a>;

    /// A call was made, with this outcome; not told if that cannot be repeated.
    fn came_to(&self, by: &Cx, call: &Call, said: Said);
}
