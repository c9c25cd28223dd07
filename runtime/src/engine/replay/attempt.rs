//! A node in a replay: nothing that it waits for may be outside.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::cx::{Cx, Rest};
use crate::engine::step::{AttemptLimits, Watch};
use crate::panics::caught;
use crate::session::AttemptError;

/// What became of a node in a replay.
pub(super) enum Replayed<T> {
    Finished(T),
    /// It was told to stop.
    Stopped,
    /// Nothing will ever wake it.
    Stuck,
    /// It has reached this limit.
    Late(AttemptError),
    Panicked(String),
}

/// Runs a node until it finishes, `stop` says so, nothing can wake it any more,
/// or a limit is reached.
pub(super) async fn replayed<F: Future>(
    mut node: Pin<&mut F>,
    cx: &Cx,
    stop: impl Fn() -> bool,
    limits: AttemptLimits<'_>,
) -> Replayed<F::Output> {
    let relay = Arc::new(Relay::default());
    let mut watch = None;
    poll_fn(|task| {
        relay.pass_on_to(task.waker());
        let waker = Waker::from(Arc::clone(&relay));
        let polled = {
            let _here = cx.run_here();
            caught(|| node.as_mut().poll(&mut Context::from_waker(&waker)))
        };
        drop(waker);
        match polled {
            Err(panic) => return Poll::Ready(Replayed::Panicked(panic)),
            Ok(Poll::Ready(output)) => return Poll::Ready(Replayed::Finished(output)),
            Ok(Poll::Pending) if stop() => return Poll::Ready(Replayed::Stopped),
            Ok(Poll::Pending) => {
                // It may hold back what the node waits for.
                if matches!(cx.rest(), Rest::Suspended) || relay.is_forgotten() {
                    return Poll::Ready(Replayed::Stuck);
                }
            }
        }
        let watch = watch.get_or_insert_with(|| Watch::begin(&limits, cx));
        watch.poll(&limits, cx, task).map(Replayed::Late)
    })
    .await
}

/// Passes wake-ups on, and knows whether anybody is left to wake it.
struct Relay {
    to: Mutex<Waker>,
    woken: AtomicBool,
}

impl Default for Relay {
    fn default() -> Self {
        Self {
            to: Mutex::new(Waker::noop().clone()),
            woken: AtomicBool::new(false),
        }
    }
}

impl Relay {
    fn pass_on_to(&self, waker: &Waker) {
        self.woken.store(false, Ordering::SeqCst);
        let mut to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.clone_from(waker);
    }

    /// Nobody holds a waker of the node, and nobody has used one since it was polled.
    fn is_forgotten(self: &Arc<Self>) -> bool {
        let alone = Arc::strong_count(self) == 1;
        // Whoever dropped the last waker after using it set the mark before.
        fence(Ordering::SeqCst);
        alone && !self.woken.load(Ordering::SeqCst)
    }
}

impl Wake for Relay {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::SeqCst);
        let to = self.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.wake_by_ref();
    }
}
