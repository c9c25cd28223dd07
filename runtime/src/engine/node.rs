//! The one place where a node is called, for a run and for a replay.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::blocking::{Leash, on_blocking_pool};
use crate::cx::Cx;
use crate::erased::{Input, Program, SharedState};
use crate::graph::{Done, NodeId, NodeInfo};
use crate::session::AttemptError;

/// The context that a node is given.
pub(super) enum Given {
    /// For one that is polled, and gone when it is dropped.
    Lent(Cx),
    /// For one that keeps running when nobody waits any more.
    Leashed(Leash),
}

impl Given {
    pub(super) fn to(info: &NodeInfo, cx: Cx) -> Self {
        match info.options.blocking {
            true => Self::Leashed(Leash::of(cx)),
            false => Self::Lent(cx),
        }
    }

    pub(super) fn cx(&self) -> &Cx {
        match self {
            Self::Lent(cx) => cx,
            Self::Leashed(leash) => leash.cx(),
        }
    }

    /// The attempt is over; what it has left can be examined.
    pub(super) fn let_go(&self) -> &Cx {
        match self {
            Self::Lent(cx) => cx,
            Self::Leashed(leash) => leash.let_go(),
        }
    }
}

/// Calls a node, on a thread where it may block if it is one that does; such a call is not
/// begun after `start`.
pub(super) async fn call(
    program: &Arc<dyn Program>,
    node: NodeId,
    input: Option<Input>,
    state: &SharedState,
    given: &Given,
    start: Option<Duration>,
) -> Result<Done, AttemptError> {
    match given {
        Given::Lent(cx) => {
            let done = program.call(node, input, &**state, cx).await;
            done.map_err(AttemptError::Failed)
        }
        Given::Leashed(leash) => {
            let due = start.and_then(|start| Instant::now().checked_add(start));
            // Boxed, so that the rare case does not make every task's future larger.
            Box::pin(on_blocking_pool(program, node, input, state, leash, due)).await
        }
    }
}
