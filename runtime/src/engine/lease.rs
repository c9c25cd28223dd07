//! The lease of a driven run: renewed while it is held, given back when it is
//! dropped.

use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::sleep;

use crate::store::{Lease, Store, StoreError};

/// A held lease.
pub(super) struct HeldLease {
    store: Arc<dyn Store>,
    run: String,
    epoch: u64,
    renewal: AbortHandle,
    held: bool,
}

impl HeldLease {
    pub(super) fn new(store: &Arc<dyn Store>, run: &str, lease: &Lease, term: Duration) -> Self {
        let renewal = tokio::spawn(renew(Arc::clone(store), run.to_owned(), lease.epoch, term))
            .abort_handle();
        Self {
            store: Arc::clone(store),
            run: run.to_owned(),
            epoch: lease.epoch,
            renewal,
            held: true,
        }
    }

    pub(super) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The store has taken it back with a commit, or it is lost.
    pub(super) fn ended(&mut self) {
        self.held = false;
        self.renewal.abort();
    }

    /// Gives it back before the caller learns that the driving ended, so that
    /// another engine can go on at once. If the store refuses, it lapses.
    pub(super) async fn give_back(&mut self) {
        if std::mem::take(&mut self.held) {
            self.renewal.abort();
            let _ = self.store.release(&self.run, self.epoch).await;
        }
    }
}

impl Drop for HeldLease {
    /// The caller stopped driving in the middle of a step.
    fn drop(&mut self) {
        self.renewal.abort();
        if !self.held {
            return;
        }
        // Without a runtime the lease stays until it lapses, or until this
        // process ends or drives the run again.
        if let Ok(runtime) = Handle::try_current() {
            let (store, run, epoch) = (
                Arc::clone(&self.store),
                std::mem::take(&mut self.run),
                self.epoch,
            );
            runtime.spawn(async move { store.release(&run, epoch).await });
        }
    }
}

/// Renews a lease three times a term. When it is lost the next commit says so;
/// when the store is unwell the commit says that too.
async fn renew(store: Arc<dyn Store>, run: String, epoch: u64, term: Duration) {
    loop {
        sleep(term / 3).await;
        if let Err(StoreError::LeaseLost { .. }) = store.renew(&run, epoch, term).await {
            return;
        }
    }
}
