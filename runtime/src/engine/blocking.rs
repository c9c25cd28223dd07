//! Nodes that may block a thread: where they run, and how they are abandoned.

use std::future::{Future, pending, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use tokio::runtime::Handle;
use tokio::task::spawn_blocking;
use tokio::time::Instant;

use super::inside;
use crate::cx::Cx;
use crate::erased::{Input, Program, SharedState};
use crate::graph::{Done, NodeId};
use crate::session::AttemptError;

/// Runs a `blocking` node where it may block, unless it would begin only after
/// `due`. It cannot be dropped there: if nobody waits any more it is told so, and
/// its late result is discarded.
pub(super) async fn on_blocking_pool(
    program: &Arc<dyn Program>,
    node: NodeId,
    input: Option<Input>,
    state: &SharedState,
    leash: &Leash,
    due: Option<Instant>,
) -> Result<Done, AttemptError> {
    let (program, state, runtime) = (Arc::clone(program), Arc::clone(state), Handle::current());
    let cx = Arc::clone(&leash.0);
    let pulse = inside::current();
    let mut call = spawn_blocking(move || {
        // Others may have kept the pool's threads until now.
        let is_late = cx.is_given_up() || due.is_some_and(|due| Instant::now() >= due);
        let _run = pulse.as_ref().map(inside::run);
        let _node = inside::node(cx.node());
        let _here = cx.run_here();
        (!is_late).then(|| at_once(program.call(node, input, &*state, &cx), &runtime))
    });
    let ended = poll_fn(|task| {
        leash.cx().tell(task.waker());
        Pin::new(&mut call).poll(task)
    });
    match ended.await {
        Ok(Some(result)) => result.map_err(AttemptError::Failed),
        // Its limits say what follows from that.
        Ok(None) => pending().await,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // It never started: the pool's runtime was shut down.
            Err(_) => Err(AttemptError::Lost),
        },
    }
}

/// What a function that is not `async` returns at its first poll: outside
/// `block_on`, so that it may call that itself.
fn at_once<T>(call: impl Future<Output = T>, runtime: &Handle) -> T {
    let mut call = pin!(call);
    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => runtime.block_on(call),
    }
}

/// Whoever waits for an attempt of a blocking node; when it lets go, or is
/// dropped, the attempt is given up.
pub(super) struct Leash(Arc<Cx>);

impl Leash {
    /// For the node that is given `cx`.
    pub(super) fn of(cx: Cx) -> Self {
        Self(Arc::new(cx.outliving()))
    }

    pub(super) fn cx(&self) -> &Cx {
        &self.0
    }

    /// Nobody waits any more; what the attempt has left can be examined.
    pub(super) fn let_go(&self) -> &Cx {
        self.0.give_up();
        &self.0
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.0.give_up();
    }
}
