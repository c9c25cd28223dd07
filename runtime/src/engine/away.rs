//! How long a run's store has been away: time that counts towards none of the run's limits,
//! since a store's fault is not its nodes' fault.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// See the module; shared by the calls to the store and by those who measure the time.
#[derive(Debug)]
pub(super) struct Away {
    waits: Mutex<Waits>,
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
        let waits = Mutex::default();
        Arc::new(Self { waits, timeout })
    }

    pub(super) const fn timeout(&self) -> Duration {
        self.timeout
    }

    fn waits(&self) -> MutexGuard<'_, Waits> {
        // Every change is complete in itself.
        self.waits.lock().unwrap_or_else(PoisonError::into_inner)
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
pub(super) fn put_off(time: tokio::time::Instant, by: Duration) -> tokio::time::Instant {
    time.checked_add(by).unwrap_or(time)
}
