//! What a store may forget.

use std::sync::Arc;
use std::time::SystemTime;

use super::Engine;
use super::active::Claim;
use super::core::Core;
use super::durable::Tail;
use super::lease::HeldLease;
use super::migrate;
use super::start::check_id;
use crate::encode;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::snapshot_digest;
use crate::store::{Prune, Pruned, Snapshot, Store, clock};

impl<G: Graph> Engine<G> {
    /// Drops old runs of this graph, or the early steps of its runs: see
    /// [`Prune`] for which. What a resume needs stays, and so does what forks
    /// stand on; a run that somebody drives is left alone.
    ///
    /// What was pruned can no longer be looked at, forked or replayed:
    /// [`Error::Pruned`]. The input of a run stays with it, so that
    /// [`run`](Self::run) with the same input still gives it.
    ///
    /// # Errors
    /// [`Error::PruneFailed`] if the store fails.
    pub async fn prune(&self, prune: Prune) -> Result<Pruned, Error> {
        let store = self.core.store("prune")?;
        let prune = Prune {
            graph: Some(G::INFO.name.to_owned()),
            ..prune
        };
        let pruned = store.prune(&prune).await;
        pruned.map_err(|source| Error::PruneFailed { source })
    }

    /// Writes the state of run `id` as it stands into the store, beside the
    /// step that led there. Snapshots are written by themselves where they make
    /// loading quicker; this one is for [`prune`](Self::prune), which can drop
    /// the steps before it.
    ///
    /// # Errors
    /// [`Error::LeaseHeld`] while somebody drives the run, [`Error::RunNotFound`];
    /// [`Error::GraphChanged`] if the graph has a `migrate` function and an older
    /// version of it wrote the run's last step.
    pub async fn snapshot(&self, id: &str) -> Result<(), Error> {
        let store = self.core.store("snapshot")?;
        check_id(id)?;
        let _claim = self.core.claim(store, id).await?;
        self.core.snapshot(store, id).await
    }
}

impl<G: Graph> Core<G> {
    /// Claims a run for what is not driving; refused while it is driven, since
    /// it would take the lease away from an execution of this very engine.
    pub(super) async fn claim(
        &self,
        store: &Arc<dyn Store>,
        run: &str,
    ) -> Result<Claim<'_, G>, Error> {
        if let Some(claim) = self.active.claim(run).await {
            return Ok(claim);
        }
        // About to take its lease, or about to give it back, if it has none.
        let lease = self.head(store, run).await?.lease;
        let (owner, expires) = match lease {
            Some(lease) => (lease.owner, lease.expires),
            None => (
                self.owner.clone(),
                clock::after(SystemTime::now(), self.settings.lease),
            ),
        };
        let run = run.to_owned();
        Err(Error::LeaseHeld {
            run,
            owner,
            expires,
        })
    }

    async fn snapshot(&self, store: &Arc<dyn Store>, run: &str) -> Result<(), Error> {
        self.head(store, run).await?;
        let lease = store
            .acquire(run, &self.owner, self.settings.lease)
            .await
            .map_err(|error| Error::from_store(run, error))?;
        let mut held = HeldLease::new(store, run, &lease, self.settings.lease);
        let written = self.snapshot_held(store, run, lease.epoch).await;
        held.give_back().await;
        written
    }

    async fn snapshot_held(
        &self,
        store: &Arc<dyn Store>,
        run: &str,
        epoch: u64,
    ) -> Result<(), Error> {
        let head = self.head(store, run).await?;
        migrate::check_snapshot::<G>(&**store, &head).await?;
        let (head, machine, _) = self.machine_at(store, head).await?;
        let state =
            encode::to_string(&**machine.state()).map_err(Error::not_round_trip(run, head.step))?;
        let tail = Tail {
            step: head.step,
            snapshot: state.len() as u64,
            steps: 0,
        };
        let snapshot = Snapshot {
            step: head.step,
            digest: snapshot_digest(&state),
            state,
        };
        store
            .put_snapshot(run, epoch, snapshot)
            .await
            .map_err(|error| Error::from_store(run, error))?;
        self.recent.put(run, machine, tail);
        Ok(())
    }
}
