//! The lease of a driven run: renewed while somebody polls its execution, given
//! back when it is dropped.

use std::convert::Infallible;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use tokio::task::AbortHandle;
use tokio::time::{self, sleep_until};

use super::core::EngineIdentity;
use super::patience::GoodUntil;
use super::pulse::Pulse;
use super::step::later;
use super::stored::{Asked, Stored, Taken};
use super::{inside, keeper};
use crate::error::Error;
use crate::panics::{Caught, caught};
use crate::store::{Commit, Lease, StoreError, StoreFuture, clock};

/// How many times a term a lease is renewed.
const BEATS: u32 = 3;

/// A held lease.
pub(super) struct HeldLease {
    at: Stored,
    epoch: u64,
    renewal: Option<AbortHandle>,
    good: Arc<GoodUntil>,
    held: bool,
}

impl HeldLease {
    /// The lease of the run at `at`, which was requested at `asked`.
    pub(super) fn new(at: &Stored, lease: &Lease, asked: Instant) -> Self {
        let term = at.engine().lease;
        let good = GoodUntil::new(asked, term);
        let renewal = Renewal {
            at: at.clone(),
            epoch: lease.epoch,
            term,
            pulse: inside::current().as_ref().map(Arc::downgrade),
            good: Arc::clone(&good),
        };
        let renewal = keeper::spawn(renewal.go_on());
        Self {
            at: at.clone(),
            epoch: lease.epoch,
            renewal: renewal.map(|renewal| renewal.abort_handle()),
            good,
            held: true,
        }
    }

    /// Until when it is certainly good.
    pub(super) const fn good(&self) -> &Arc<GoodUntil> {
        &self.good
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
    /// another engine can continue at once. If the store refuses, it lapses.
    pub(super) fn give_back(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async {
            if self.held {
                self.stop();
                self.at.release(self.epoch).await;
                self.held = false;
            }
        })
    }

    fn stop(&self) {
        if let Some(renewal) = &self.renewal {
            renewal.abort();
        }
    }
}

impl Drop for HeldLease {
    /// The caller stopped driving in the middle of a step.
    fn drop(&mut self) {
        self.stop();
        if self.held {
            let (at, epoch) = (self.at.clone(), self.epoch);
            see_to(async move { at.release(epoch).await });
        }
    }
}

type Call<T> = StoreFuture<'static, T>;

impl Stored {
    /// Takes the lease of an existing run.
    pub(super) fn hold(&self) -> Asked<'_, HeldLease> {
        Box::pin(async {
            let asked = Instant::now();
            let claim = self.engine().claim();
            let acquire = |at: Self| async move { at.acquire(claim).await };
            let lease = Taking::begin(self, acquire, Some).await;
            let lease = lease.map_err(|error| self.said(error))?;
            Ok(HeldLease::new(self, &lease, asked))
        })
    }

    /// Makes a commit that takes its run's lease.
    pub(super) fn commit_and_hold(&self, commit: Commit) -> Asked<'_, Taken, StoreError> {
        Box::pin(async {
            let commit = |at: Self| async move { at.commit_taking(&commit).await };
            let taking = Taking::begin(self, commit, |taken| match taken {
                Taken::Held(lease) => Some(lease),
                Taken::Done | Taken::ByAnother | Taken::TokenSpent => None,
            });
            taking.await
        })
    }

    /// Another call of this engine drives the run.
    pub(super) fn lease_held(&self) -> Asked<'_, Infallible> {
        Box::pin(async {
            match self.head().await?.lease {
                Some(lease) => Err(Error::lease_held(self.id(), lease)),
                // About to take its lease, or about to give it back.
                None => self.driven_by(None).await,
            }
        })
    }

    /// This engine drives the run; the call may have been made inside one of its nodes.
    /// The error shows the lease that it would take now.
    pub(super) fn driven_by(&self, node: Option<&'static str>) -> Asked<'_, Infallible> {
        Box::pin(async move {
            let EngineIdentity { owner, lease, .. } = self.engine();
            Err(Error::LeaseHeld {
                run: self.id().to_owned(),
                owner: owner.clone(),
                expires: clock::after(self.now().await?, *lease),
                node,
            })
        })
    }
}

/// A call to the store that takes a lease. If nobody waits for it any more it is not made
/// again; the store may still do what it was asked for: then the lease goes back.
struct Taking<T: Send + 'static> {
    at: Stored,
    call: Option<Call<T>>,
    wanted: Arc<AtomicBool>,
    taken: fn(T) -> Option<Lease>,
}

impl<T: Send + 'static> Taking<T> {
    fn begin<F>(at: &Stored, call: impl FnOnce(Stored) -> F, taken: fn(T) -> Option<Lease>) -> Self
    where
        F: Future<Output = Result<T, StoreError>> + Send + 'static,
    {
        let wanted = Arc::new(AtomicBool::new(true));
        Self {
            at: at.clone(),
            call: Some(Box::pin(call(at.while_wanted(&wanted)))),
            wanted,
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
        self.wanted.store(false, Ordering::Relaxed);
        let (at, taken) = (self.at.clone(), self.taken);
        see_to(async move {
            if let Ok(done) = call.await
                && let Some(Lease { epoch, .. }) = taken(done)
            {
                at.release(epoch).await;
            }
        });
    }
}

/// Does what is left to do for a caller that is gone: here, as far as that needs no
/// waiting, and the rest in the background.
fn see_to(rest: impl Future<Output = ()> + Send + 'static) {
    let mut rest = Box::pin(rest);
    let begun = caught(|| rest.as_mut().poll(&mut Context::from_waker(Waker::noop())));
    if let Ok(Poll::Pending) = begun {
        keeper::spawn(rest);
    }
}

/// Renews a lease, on a thread that no node occupies.
struct Renewal {
    at: Stored,
    epoch: u64,
    term: Duration,
    /// The execution that holds the lease; none if nobody can join it.
    pulse: Option<Weak<Pulse>>,
    good: Arc<GoodUntil>,
}

impl Renewal {
    /// Three times a term it wakes the execution and renews its lease. An execution that
    /// was woken and not polled for a whole term has nobody who drives it: it
    /// loses its lease.
    ///
    /// When the lease is lost to another owner the next commit says so; when
    /// the store fails the commit says that too.
    async fn go_on(self) {
        let mut unanswered = 0;
        let beat = self.term / BEATS;
        let mut next = time::Instant::now();
        loop {
            // From beat to beat, however long the store takes; beats that were missed, by a
            // machine that slept for example, are not made up for.
            let woken = time::Instant::now();
            next = later(next, beat).max(woken);
            sleep_until(next).await;
            let pulse = self.pulse();
            // Whoever was woken only just now has had no time to answer.
            if let Some(pulse) = &pulse
                && woken.elapsed() >= beat / 2
            {
                unanswered = if pulse.was_polled() {
                    0
                } else {
                    unanswered + 1
                };
                if unanswered == BEATS {
                    break self.lose(pulse).await;
                }
            }
            let asked = Instant::now();
            match Caught(pin!(self.at.renew(self.epoch, self.term, beat))).await {
                Ok(Ok(_)) => self.good.renewed(asked),
                Ok(Err(StoreError::LeaseLost { .. })) => break,
                // The next beat tries again.
                Ok(Err(_)) | Err(_) => {}
            }
            if let Some(pulse) = pulse {
                Pulse::wake(&pulse);
            }
        }
    }

    fn pulse(&self) -> Option<Arc<Pulse>> {
        self.pulse.as_ref()?.upgrade()
    }

    async fn lose(&self, pulse: &Pulse) {
        pulse.lose(self.epoch);
        self.at.release(self.epoch).await;
    }
}
