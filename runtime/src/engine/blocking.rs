//! Nodes that may block a thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;

use super::inside;
use crate::cx::Cx;
use crate::graph::{Done, Graph, NodeId};
use crate::node_error::NodeError;

/// Runs a `blocking` node where it may block. It cannot be dropped there: if
/// nobody waits any more it is told so, and its late result is discarded.
pub(super) async fn on_blocking_pool<G: Graph>(
    graph: &Arc<G>,
    node: NodeId,
    input: Option<G::Input>,
    state: &Arc<G::State>,
    cx: Arc<Cx>,
) -> Result<Done<G>, NodeError> {
    let (graph, state, runtime) = (Arc::clone(graph), Arc::clone(state), Handle::current());
    let pulse = inside::current();
    let call = spawn_blocking(move || {
        let _run = pulse.as_ref().map(inside::run);
        let _node = inside::node(cx.node());
        runtime.block_on(graph.call(node, input, &state, &cx))
    });
    match call.await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(NodeError::transient(error)),
        },
    }
}

/// Tells a blocking node, when dropped, that nobody waits for it.
#[derive(Default)]
pub(super) struct Abandoned(Arc<AtomicBool>);

impl Abandoned {
    /// The context in which the node is told.
    pub(super) fn told_in(&self, cx: Cx) -> Arc<Cx> {
        Arc::new(cx.abandoned_by(Arc::clone(&self.0)))
    }
}

impl Drop for Abandoned {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}
