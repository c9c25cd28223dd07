//! How long a run's store has been away: time that counts towards none of the run's limits,
//! since a store's fault is not its nodes' fault.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::time;

/// See the module; shared by the calls to the store and by those who measure the time.
#[derive(Debug)]
pub(super) struct Away {
    waits: Mutex<Waits>,
    /// How many calls are under way.
    asked: AtomicUsize,
    timeout: Duration,
}

#[derive(Debug, Default)]
struct Waits {
    /// Since when the calls that wait now have been waiting, and how many there are.
    since: Option<Instant>,
    waiting: usize,
    before: Duration,
}

impl Away {
    /// For a store that counts as away if it has not answered in that time.
    pub(super) fn new(timeout: Duration) -> Arc<Self> {
        Arc::new(Self {
            waits: Mutex::default(),
            asked: AtomicUsize::new(0),
            timeout,
        })
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        // Every change is complete in itself.
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A call is under way until the guard is dropped.
    pub(super) fn ask(&self) -> Asking<'_> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Asking(self)
    }

    /// Whether a call is under way, so that the store may turn out to be away.
    pub(super) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Relaxed) > 0
    }

    /// A call that began at `began` has found the store away, and waits for it until the
    /// guard is dropped.
    pub(super) fn wait(self: &Arc<Self>, began: Instant) -> Waiting {
        let mut waits = self.waits();
        waits.since.get_or_insert(began);
        waits.waiting += 1;
        Waiting(Arc::clone(self))
    }

    /// All that time together.
    pub(super) fn time(&self) -> Duration {
        let waits = self.waits();
        waits.before + waits.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// See [`Away::ask`].
pub(super) struct Asking<'a>(&'a Away);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::Relaxed);
    }
}

/// See [`Away::wait`].
pub(super) struct Waiting(Arc<Away>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut waits = self.0.waits();
        waits.waiting -= 1;
        if waits.waiting == 0
            && let Some(since) = waits.since.take()
        {
            waits.before += since.elapsed();
        }
    }
}

/// The same for a run's store; none for a run without one.
pub(super) fn time_away(store: Option<&Arc<Away>>) -> Duration {
    store.map_or(Duration::ZERO, |away| away.time())
}

/// `time`, postponed by the time the store was away; unchanged if the clock cannot count
/// that far.
pub(super) fn put_off(time: time::Instant, by: Duration) -> time::Instant {
    time.checked_add(by).unwrap_or(time)
}

/// A point in time, and how long the store had been away by then, at least.
#[derive(Clone, Copy)]
pub(super) struct Moment {
    pub(super) at: time::Instant,
    away: Duration,
}

impl Moment {
    pub(super) fn now(store: Option<&Arc<Away>>) -> Self {
        Self {
            at: time::Instant::now(),
            away: time_away(store),
        }
    }

    /// The later moment `at`, if there was one.
    pub(super) fn and_then(self, at: Option<time::Instant>, store: Option<&Arc<Away>>) -> Self {
        let Some(at) = at.filter(|at| *at > self.at) else {
            return self;
        };
        // The store may have been away all the time since then, and not for longer.
        let away = time_away(store).saturating_sub(at.elapsed());
        let away = away.max(self.away);
        Self { at, away }
    }

    /// When `limit` is over that began then, if the store has been away for `away` by now;
    /// `None` if the clock cannot count that far.
    pub(super) fn end(self, limit: Duration, away: Duration) -> Option<time::Instant> {
        let end = self.at.checked_add(limit)?;
        Some(put_off(end, away.saturating_sub(self.away)))
    }
}
