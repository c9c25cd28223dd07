//! What a store may forget.

use std::sync::Arc;

use super::Engine;
use super::active::{Purpose, RunResult};
use super::core::Core;
use super::handle::RunHandle;
use super::shown::{OpenStep, run_at};
use super::start::state_text;
use crate::error::Error;
use crate::graph::Graph;
use crate::machine::snapshot_digest;
use crate::session::Tail;
use crate::store::{Prune, Pruned, Snapshot, Store};

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
        let run = self.core.handle("snapshot", id)?.patient();
        let write = Box::pin(async move { run.snapshot().await });
        let written = self.core.execute(id, Purpose::Write("snapshot"), write);
        written.await.map(drop)
    }
}

impl Core {
    /// Forgets the state of a run that is gone.
    async fn forget_pruned(&self, store: &Arc<dyn Store>) {
        for run in self.recent.ids() {
            if !matches!(store.head(&run).await, Ok(Some(_))) {
                self.recent.forget(&run);
            }
        }
    }
}

impl RunHandle {
    async fn snapshot(&self) -> RunResult {
        self.at.head().await?;
        let mut held = self.at.hold().await?;
        let written = self.snapshot_held(held.epoch()).await;
        held.give_back().await;
        written
    }

    async fn snapshot_held(&self, epoch: u64) -> RunResult {
        let head = self.at.head().await?;
        // It has the fields of today's graph, and its own program has to go on from it.
        self.at.check_writable(&head).await?;
        self.at.check_snapshot(&head).await?;
        let (head, machine, _) = self.machine_at(head).await?;
        self.at.check_version(&head, machine.made_by())?;
        let state = state_text(&self.core, self.at.id(), head.step, &**machine.state())?;
        let tail = Tail::behind(head.step, state.len());
        let snapshot = Snapshot {
            step: head.step,
            digest: snapshot_digest(&state),
            state,
        };
        self.at.put_snapshot(epoch, snapshot).await?;
        let result = run_at(&head, &machine, OpenStep::default());
        self.core.recent.put(machine, tail);
        Ok(result)
    }
}
