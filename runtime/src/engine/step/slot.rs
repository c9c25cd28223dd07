//! The slot that a task of a fan-out works in, and gives up while it only waits.

use std::future::Future;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::crew::Crew;
use super::queue::Started;

/// See the module. A step's only task needs none.
#[derive(Clone, Copy)]
pub(in crate::engine) struct Slot<'a> {
    pub(super) crew: &'a Arc<Crew>,
    pub(super) at: Started,
}

impl Slot<'_> {
    /// Waits for `rest` while others use the slot, and then for a free one.
    pub(super) async fn without<T>(self, rest: impl Future<Output = T>) -> T {
        self.crew.step_aside(self.at);
        let rested = rest.await;
        self.crew.step_in(self.at).await;
        rested
    }
}

/// The tasks that want a slot again.
#[derive(Default)]
pub(super) struct Returning {
    /// Looked at before the lock is taken: as a rule there are none.
    count: AtomicUsize,
    tasks: Mutex<Vec<Started>>,
}

impl Returning {
    pub(super) fn any(&self) -> bool {
        self.count.load(Ordering::SeqCst) > 0
    }

    /// Whether there is one of which `is_it` holds.
    pub(super) fn is_one(&self, is_it: impl Fn(Started) -> bool) -> bool {
        self.any() && self.tasks().iter().any(|at| is_it(*at))
    }

    /// It is one of them until the guard is dropped.
    pub(super) fn enter(&self, at: Started) -> Entered<'_> {
        self.tasks().push(at);
        self.count.fetch_add(1, Ordering::SeqCst);
        Entered(self, at)
    }

    fn tasks(&self) -> MutexGuard<'_, Vec<Started>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// See [`Returning::enter`].
pub(super) struct Entered<'a>(&'a Returning, Started);

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        let Self(returning, at) = self;
        returning.tasks().retain(|other| other != at);
        returning.count.fetch_sub(1, Ordering::SeqCst);
    }
}
