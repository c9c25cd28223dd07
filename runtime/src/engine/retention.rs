//! What a store may forget.

use std::sync::Arc;

use super::Engine;
use super::active::{Driving, Purpose, RunResult};
use super::compatible;
use super::core::Core;
use super::handle::RunHandle;
use super::shown::run_at;
use super::start::state_text;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::snapshot_digest;
use crate::session::{Tail, check_version};
use crate::store::{Prune, Pruned, Snapshot, Store, clock};

impl<G: Graph> Engine<G> {
    /// Drops old runs of this graph, or the early steps of its runs: see
    /// [`Prune`] for which. What a resume needs stays, and so does what forks
    /// stand on; a run that somebody drives is left alone.
    ///
    /// What was pruned can no longer be read, forked or replayed:
    /// [`Error::Pruned`]. With [`Prune::history`] the input of a run stays, so that
    /// [`run`](Self::run) with the same input still returns it. With [`Prune::runs`] nothing
    /// stays: [`get`](Self::get) is [`Error::RunNotFound`], and `run` with that id starts
    /// afresh and makes every call again, payments included.
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
        self.core.forget_pruned(store).await;
        pruned.map_err(|source| Error::PruneFailed { source })
    }

    /// Writes the current state of run `id` into the store, together with the
    /// step that led there. Snapshots are written automatically where they make
    /// loading quicker; this one is for [`prune`](Self::prune), which can drop
    /// the steps before it.
    ///
    /// # Errors
    /// [`Error::LeaseHeld`] while somebody drives the run, [`Error::RunNotFound`];
    /// [`Error::GraphChanged`] if the run is open and this graph is not compatible with the one
    /// that wrote its last step, if that one has fields which this lacks or a higher version, or if
    /// this one has a `migrate` function and an older version of it wrote that step.
    pub async fn snapshot(&self, id: &str) -> Result<(), Error> {
        let run = self.handle("snapshot", id)?.patient();
        let write = || -> Driving<G> { Box::pin(async move { run.snapshot().await }) };
        self.execute(id, Purpose::Write("snapshot"), write)
            .await
            .map(drop)
    }
}

impl<G: Graph> Core<G> {
    /// Forgets the state of a run that is gone.
    async fn forget_pruned(&self, store: &Arc<dyn Store>) {
        for run in self.recent.ids() {
            if !matches!(store.head(&run).await, Ok(Some(_))) {
                self.recent.forget(&run);
            }
        }
    }
}

impl<G: Graph> RunHandle<G> {
    /// Another call of this engine drives the run.
    pub(super) async fn lease_held(&self) -> Error {
        let head = match self.head().await {
            Ok(head) => head,
            Err(error) => return error,
        };
        match head.lease {
            Some(lease) => Error::lease_held(self.at.id(), lease),
            // About to take its lease, or about to give it back.
            None => self.driven_by(None).await,
        }
    }

    /// This engine drives the run; the call may have been made inside one of its nodes.
    /// The error shows the lease that it would take now.
    pub(super) async fn driven_by(&self, node: Option<&'static str>) -> Error {
        match self.at.now().await {
            Ok(now) => Error::LeaseHeld {
                run: self.at.id().to_owned(),
                owner: self.core.owner.clone(),
                expires: clock::after(now, self.core.settings.lease),
                node,
            },
            Err(error) => error,
        }
    }

    async fn snapshot(&self) -> RunResult<G> {
        self.head().await?;
        let mut held = self.hold().await?;
        let written = self.snapshot_held(held.epoch()).await;
        held.give_back().await;
        written
    }

    async fn snapshot_held(&self, epoch: u64) -> RunResult<G> {
        let head = self.head().await?;
        // It has the fields of today's graph, and its own program has to go on from it.
        self.check_writable(&head).await?;
        compatible::check_snapshot::<G>(&self.at, &head).await?;
        let (head, machine, _) = self.machine_at(head).await?;
        check_version::<G>(&head, machine.made_by())?;
        let state = state_text(&self.core, self.at.id(), head.step, machine.state())?;
        let tail = Tail::behind(head.step, state.len());
        let snapshot = Snapshot {
            step: head.step,
            digest: snapshot_digest(&state),
            state,
        };
        self.at.put_snapshot(epoch, snapshot).await?;
        let result = run_at(&head, &machine, Vec::new());
        self.core.recent.put(machine, tail);
        Ok(result)
    }
}
