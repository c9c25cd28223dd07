//! A run that is rehearsed: somebody stands in for the world outside its nodes, and
//! is told what they do. Nobody does when a run is driven in earnest.

use std::future::Future;
use std::pin::Pin;
use std::time::SystemTime;

use super::{Call, Cx, Request};
use crate::node_error::NodeError;

/// What a call came to: its response as text, or what it failed with.
pub(crate) type Said = Result<String, NodeError>;

/// What stands in for the closure of an effect.
pub(crate) enum Line {
    /// The call comes to this, and its closure is not called.
    Say(Said),
    /// It is to be made.
    Make,
    /// Nothing ever comes of it.
    Never,
}

/// Resolves when it is known what becomes of a call.
pub(crate) type Cue<'a> = Pin<Box<dyn Future<Output = Line> + Send + 'a>>;

/// See the module. Whoever asks says in which attempt.
pub(crate) trait Rehearsal: Send + Sync {
    /// The attempt begins.
    fn starts(&self, by: &Cx);

    /// What a reading of the clock gives that is not on record.
    fn time(&self, by: &Cx, reading: &Call) -> SystemTime;

    /// `call` is about to be made, `at_most_once` or not.
    fn calls<'a>(
        &'a self,
        by: &'a Cx,
        call: Call,
        request: &'a Request,
        at_most_once: bool,
    ) -> Cue<'a>;

    /// A call was made, and came to this; not told if that cannot be said a second time.
    fn came_to(&self, by: &Cx, call: &Call, said: Said);
}
