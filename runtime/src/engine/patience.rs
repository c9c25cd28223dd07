//! How long the engine waits for an answer of its store, and for how long it retries
//! when the store was away.

use std::collections::hash_map::RandomState;
use std::future::poll_fn;
use std::hash::BuildHasher as _;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::{Duration, Instant};

use tokio::time;

use super::away::Away;
use super::keeper;
use super::step::{NoClock, Timer, later};
use super::unhurried::held;
use crate::store::{CallOutcome, Commit, EffectRecord, Park, StoreError, StoreFuture};

/// How many bytes that a call carries give it one second more.
const BYTES_A_SECOND: usize = 10 << 20;

/// The pause before a call is made again, doubled each time up to a maximum.
const FIRST_PAUSE: Duration = Duration::from_millis(5);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How the calls of one run are made.
#[derive(Clone)]
pub(super) struct Patience {
    timeout: Duration,
    until: Until,
    away: Arc<Away>,
    /// Cleared when nobody waits for the answer any more; `None` if somebody always does.
    wanted: Option<Arc<AtomicBool>>,
}

/// For how long a call is repeated.
#[derive(Clone)]
enum Until {
    /// The first answer counts.
    Once,
    /// For this long from now.
    For(Duration),
    Held(Arc<GoodUntil>),
}

/// Until when a lease is certainly good, by this process's wall clock: a runtime's
/// clock may be paused, and leases lapse all the same.
pub(super) struct GoodUntil {
    time: Mutex<Instant>,
    term: Duration,
}

impl GoodUntil {
    /// A lease that was requested at `asked`.
    pub(super) fn new(asked: Instant, term: Duration) -> Arc<Self> {
        let time = Mutex::new(after(asked, term));
        Arc::new(Self { time, term })
    }

    /// It was renewed by a call that was made at `asked`.
    pub(super) fn renewed(&self, asked: Instant) {
        *self.time.lock().unwrap_or_else(PoisonError::into_inner) = after(asked, self.term);
    }

    /// The end of what is left of it for a call that was made at `began`: a store that renews
    /// but does nothing else is retried for one term.
    fn for_call(&self, began: Instant) -> Instant {
        let time = *self.time.lock().unwrap_or_else(PoisonError::into_inner);
        time.min(after(began, self.term))
    }
}

impl Patience {
    /// For a call whose first answer counts, and that may take its time.
    pub(super) fn once() -> Self {
        Self::new(Duration::MAX, Until::Once)
    }

    fn new(timeout: Duration, until: Until) -> Self {
        Self {
            timeout,
            until,
            away: Away::new(timeout),
            wanted: None,
        }
    }

    /// For the calls of whoever is about to drive: each takes `timeout` at most, and is
    /// repeated for `term`.
    pub(super) fn before_lease(timeout: Duration, term: Duration) -> Self {
        Self::new(timeout, Until::For(term))
    }

    /// For the calls of whoever drives: repeated as long as the lease is good.
    pub(super) fn held(&self, good: &Arc<GoodUntil>) -> Self {
        Self::new(self.timeout, Until::Held(Arc::clone(good)))
    }

    /// The same for calls whose duration depends on how much there is to read.
    pub(super) fn unhurried(&self) -> Self {
        Self {
            timeout: Duration::MAX,
            ..self.clone()
        }
    }

    /// The same for calls that are repeated only as long as `wanted` is set.
    pub(super) fn while_wanted(self, wanted: &Arc<AtomicBool>) -> Self {
        let wanted = Some(Arc::clone(wanted));
        Self { wanted, ..self }
    }

    fn is_wanted(&self) -> bool {
        let wanted = self.wanted.as_ref();
        wanted.is_none_or(|wanted| wanted.load(Ordering::Relaxed))
    }

    /// How long the store was away, for these calls and for those of its clones.
    pub(super) const fn away(&self) -> &Arc<Away> {
        &self.away
    }

    /// Makes `call` once.
    pub(super) async fn ask_once<T>(&self, call: StoreFuture<'_, T>) -> Result<T, StoreError> {
        within(self.timeout, call).await
    }

    /// Makes `call`, which carries `bytes` bytes, until the store is there to answer it.
    pub(super) async fn ask<'a, T>(
        &self,
        bytes: usize,
        call: impl Fn() -> StoreFuture<'a, T>,
    ) -> Result<T, StoreError> {
        self.ask_again(bytes, call).await.map(|(answer, _)| answer)
    }

    /// The same, and whether it may have been done by an earlier call than the one that
    /// was answered.
    pub(super) async fn ask_again<'a, T>(
        &self,
        bytes: usize,
        call: impl Fn() -> StoreFuture<'a, T>,
    ) -> Result<(T, bool), StoreError> {
        let more = u64::try_from(bytes / BYTES_A_SECOND).unwrap_or(u64::MAX);
        let timeout = self.timeout.saturating_add(Duration::from_secs(more));
        let _asking = self.away.ask();
        let began = Instant::now();
        let mut pause = FIRST_PAUSE;
        let mut may_be_done = false;
        let mut waiting = None;
        loop {
            let away = match within(timeout, call()).await {
                Err(error @ StoreError::Unavailable { .. }) => error,
                answer => return answer.map(|answer| (answer, may_be_done)),
            };
            waiting.get_or_insert_with(|| self.away.wait(began));
            let unknown = CallOutcome::Unknown;
            may_be_done |=
                matches!(away, StoreError::Unavailable { outcome, .. } if outcome == unknown);
            let wait = jittered(pause);
            if after(Instant::now(), wait) >= self.until(began) {
                return Err(away);
            }
            held(Box::pin(keeper::sleep(wait))).await;
            if !self.is_wanted() {
                return Err(away);
            }
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    fn until(&self, began: Instant) -> Instant {
        match &self.until {
            Until::Once => began,
            Until::For(term) => after(began, *term),
            Until::Held(good) => good.for_call(began),
        }
    }
}

/// This long after `now`, or never.
fn after(now: Instant, delay: Duration) -> Instant {
    later(time::Instant::from_std(now), delay).into_std()
}

/// Between half of `pause` and all of it, so that those who lost the store together do
/// not come back together.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(()) % 1_024;
    pause / 2 + pause * (random as u32) / 2_048
}

/// The answer of `call`, if it comes in time: it is checked before the clock.
pub(super) async fn within<T>(
    timeout: Duration,
    mut call: StoreFuture<'_, T>,
) -> Result<T, StoreError> {
    let mut timer = None;
    poll_fn(|cx| {
        if let Poll::Ready(answer) = call.as_mut().poll(cx) {
            return Poll::Ready(answer);
        }
        if timeout == Duration::MAX {
            return Poll::Pending;
        }
        let timer = timer.get_or_insert_with(|| Timer::after(timeout));
        match Pin::new(timer).poll(cx) {
            Poll::Ready(Ok(())) => Poll::Ready(Err(StoreError::Unavailable {
                reason: format!("no answer within {timeout:?}"),
                outcome: CallOutcome::Unknown,
            })),
            // Without a clock there is nothing to do but wait.
            Poll::Ready(Err(NoClock)) | Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// About how many bytes a commit carries.
pub(super) fn commit_bytes(commit: &Commit) -> usize {
    let snapshot = commit.snapshot.as_ref();
    commit.record.updates.len()
        + commit.record.frontier.len()
        + snapshot.map_or(0, |snapshot| snapshot.state.len())
        + effects_bytes(&commit.effects)
}

/// About how many bytes parking a step carries.
pub(super) fn park_bytes(park: &Park) -> usize {
    let results = park.results.iter().map(|kept| kept.result.len());
    results.sum::<usize>() + effects_bytes(&park.effects)
}

/// About how many bytes these effects have.
pub(super) fn effects_bytes(effects: &[EffectRecord]) -> usize {
    let responses = effects.iter().filter_map(|effect| effect.response.as_ref());
    responses.map(String::len).sum()
}
