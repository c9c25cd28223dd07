//! The lease of a driven run: renewed while somebody polls its execution, given
//! back when it is dropped.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use super::inside;
use super::pulse::Pulse;
use crate::panics::caught;
use crate::store::{Claim, Commit, Committed, Lease, Store, StoreError, StoreFuture};

/// A lease is renewed so many times a term.
const BEATS: u32 = 3;

/// A held lease.
pub(super) struct HeldLease {
    store: Arc<dyn Store>,
    run: String,
    epoch: u64,
    renewal: AbortHandle,
    /// Whether the renewal is to end.
    over: Arc<AtomicBool>,
    held: bool,
}

impl HeldLease {
    pub(super) fn new(store: &Arc<dyn Store>, run: &str, lease: &Lease, term: Duration) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let renewal = Renewal {
            store: Arc::clone(store),
            run: run.to_owned(),
            epoch: lease.epoch,
            term,
            pulse: inside::current().as_ref().map(Arc::downgrade),
            over: Arc::clone(&over),
        };
        Self {
            store: Arc::clone(store),
            run: run.to_owned(),
            epoch: lease.epoch,
            renewal: tokio::spawn(renewal.go_on()).abort_handle(),
            over,
            held: true,
        }
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The store has taken it back with a commit, or it is lost.
    pub(super) fn ended(&mut self) {
        self.held = false;
        self.stop();
    }

    /// Gives it back before the caller learns that the driving ended, so that
    /// another engine can go on at once. If the store refuses, it lapses.
    pub(super) async fn give_back(&mut self) {
        if self.held {
            self.stop();
            let _ = self.store.release(&self.run, self.epoch).await;
            self.held = false;
        }
    }

    fn stop(&self) {
        self.over.store(true, Ordering::Release);
        self.renewal.abort();
    }
}

impl Drop for HeldLease {
    /// The caller stopped driving in the middle of a step.
    fn drop(&mut self) {
        self.stop();
        if !self.held {
            return;
        }
        let (store, run, epoch) = (
            Arc::clone(&self.store),
            std::mem::take(&mut self.run),
            self.epoch,
        );
        see_to(async move {
            // If the store refuses, it lapses.
            let _ = store.release(&run, epoch).await;
        });
    }
}

/// Takes the lease of `run`.
pub(super) async fn acquire(
    store: &Arc<dyn Store>,
    run: &str,
    owner: &str,
    term: Duration,
) -> Result<Lease, StoreError> {
    let (at, id) = (Arc::clone(store), run.to_owned());
    let claim = Claim::new(owner, term);
    let call = async move { at.acquire(&id, claim).await };
    Taking::begin(store, run, call, Some).await
}

/// Makes a commit that takes its run's lease.
pub(super) async fn commit(
    store: &Arc<dyn Store>,
    commit: Commit,
) -> Result<Committed, StoreError> {
    let (at, run) = (Arc::clone(store), commit.run.clone());
    let call = async move { at.commit(commit).await };
    Taking::begin(store, &run, call, |committed| match committed {
        Committed::Now(lease) => Some(lease),
        Committed::Already(lease) => lease,
        Committed::TokenSpent => None,
    })
    .await
}

type Call<T> = StoreFuture<'static, T>;

/// A call of the store that takes a lease. If nobody waits for it any more the
/// store may do it all the same: then the lease goes back.
struct Taking<T: Send + 'static> {
    store: Arc<dyn Store>,
    run: String,
    call: Option<Call<T>>,
    taken: fn(T) -> Option<Lease>,
}

impl<T: Send + 'static> Taking<T> {
    fn begin(
        store: &Arc<dyn Store>,
        run: &str,
        call: impl Future<Output = Result<T, StoreError>> + Send + 'static,
        taken: fn(T) -> Option<Lease>,
    ) -> Self {
        Self {
            store: Arc::clone(store),
            run: run.to_owned(),
            call: Some(Box::pin(call)),
            taken,
        }
    }
}

impl<T: Send + 'static> Future for Taking<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(call) = &mut self.call else {
            return Poll::Pending; // nobody polls what is over
        };
        let polled = call.as_mut().poll(cx);
        if polled.is_ready() {
            self.call = None;
        }
        polled
    }
}

impl<T: Send + 'static> Drop for Taking<T> {
    fn drop(&mut self) {
        let Some(call) = self.call.take() else {
            return;
        };
        let (store, run) = (Arc::clone(&self.store), std::mem::take(&mut self.run));
        let taken = self.taken;
        see_to(async move {
            if let Ok(done) = call.await
                && let Some(Lease { epoch, .. }) = taken(done)
            {
                // If the store refuses, it lapses.
                let _ = store.release(&run, epoch).await;
            }
        });
    }
}

/// Does what is left to do for a caller that is gone: here, as far as that needs no
/// waiting, since the runtime may be about to go, too, and then on the runtime.
/// Without one a lease stays until it lapses, or until this process ends or drives
/// the run again.
fn see_to(rest: impl Future<Output = ()> + Send + 'static) {
    let mut rest = Box::pin(rest);
    let begun = caught(|| rest.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    if let (Ok(Poll::Pending), Ok(runtime)) = (begun, Handle::try_current()) {
        runtime.spawn(rest);
    }
}

/// Renews a lease. When it is dropped with its runtime it goes on on the next one
/// that polls the execution.
#[derive(Clone)]
struct Renewal {
    store: Arc<dyn Store>,
    run: String,
    epoch: u64,
    term: Duration,
    /// The execution that holds the lease; none if nobody can join it.
    pulse: Option<Weak<Pulse>>,
    over: Arc<AtomicBool>,
}

impl Renewal {
    /// Three times a term it wakes the execution and renews its lease. One that
    /// was woken and not polled for a whole term has nobody who drives it: it
    /// loses its lease.
    ///
    /// When the lease is lost to another owner the next commit says so; when
    /// the store is unwell the commit says that too.
    async fn go_on(self) {
        let mut unanswered = 0;
        loop {
            sleep(self.term / BEATS).await;
            if self.over.load(Ordering::Acquire) {
                return;
            }
            let pulse = self.pulse();
            if let Some(pulse) = &pulse {
                unanswered = if pulse.was_polled() {
                    0
                } else {
                    unanswered + 1
                };
                if unanswered == BEATS {
                    break self.lose(pulse).await;
                }
            }
            let renewed = self.store.renew(&self.run, self.epoch, self.term).await;
            if let Err(StoreError::LeaseLost { .. }) = renewed {
                break;
            }
            if let Some(pulse) = pulse {
                Pulse::wake(&pulse);
            }
        }
        self.over.store(true, Ordering::Release);
    }

    fn pulse(&self) -> Option<Arc<Pulse>> {
        self.pulse.as_ref()?.upgrade()
    }

    async fn lose(&self, pulse: &Pulse) {
        pulse.lose(self.epoch);
        // If the store refuses, it lapses.
        let _ = self.store.release(&self.run, self.epoch).await;
    }
}

impl Drop for Renewal {
    fn drop(&mut self) {
        if !self.over.load(Ordering::Acquire)
            && let Some(pulse) = self.pulse()
        {
            let renewal = self.clone();
            pulse.strand(Box::new(|| drop(tokio::spawn(renewal.go_on()))));
        }
    }
}
